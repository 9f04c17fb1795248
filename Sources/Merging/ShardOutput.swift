// The shard file while it is written: bytes go to explicit offsets from several threads, digests
// are taken in file order at the gate of `TileLine`. What is written goes on its way to the device
// at once, window by window (`WriteBackPace`), so that little is left for the flush at the end.
import Storage

/// A shard being written.
final class ShardOutput {
  private var file: File?
  private let headerByteCount: Int
  private var digester: Digester?
  private let pace: WriteBackPace

  /// Bytes that go to the device together.
  static let windowByteCount: Int64 = 16 << 20
  /// Of a window that is waited for, so much at once.
  private static let step = 1 << 20

  init(
    _ file: consuming File, headerByteCount: Int, algorithm: DigestAlgorithm,
    windowByteCount: Int64
  ) {
    self.file = consume file
    self.headerByteCount = headerByteCount
    digester = Digester(algorithm)
    pace = WriteBackPace(windowByteCount: windowByteCount)
  }

  /// Digests the shard's next bytes.
  func digest(_ bytes: UnsafeRawBufferPointer) { unsafe digester?.update(bytes.bytes) }

  func digest(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe digest($0) }
  }

  /// Writes bytes at an offset counted from the end of the header, and starts the way of full
  /// windows to the device.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(MergingError) {
    try MergingError.storage { () throws(StorageError) in
      try unsafe file?.write(bytes, at: Int64(headerByteCount) + offset)
      guard let full = pace.wrote(bytes.count) else { return }
      try file?.writeBack(from: full.lowerBound, count: full.upperBound - full.lowerBound)
    }
  }

  /// Writes and digests zeros up to an offset, as files have them that align their tensors.
  func pad(from offset: Int64, to end: Int64) throws(MergingError) {
    if offset == end { return }
    let zeros = [UInt8](repeating: 0, count: Int(end - offset))
    digest(zeros)
    try MergingError.storage { () throws(StorageError) in
      try file?.write(zeros, at: Int64(headerByteCount) + offset)
    }
  }

  /// Returns once the device is no further behind than one window; calls `meanwhile` after every
  /// megabyte.
  func keepPace(meanwhile: () throws(MergingError) -> Void) throws(MergingError) {
    while let window = pace.awaited {
      for start in stride(from: window.lowerBound, to: window.upperBound, by: Self.step) {
        let count = min(Int64(Self.step), window.upperBound - start)
        try MergingError.storage { () throws(StorageError) in
          try file?.awaitWriteBack(from: start, count: count)
        }
        try meanwhile()
      }
      pace.arrived(window)
    }
  }

  /// Flushes and closes the file; the digest of all its bytes. Nothing may be written after.
  func finish() throws(MergingError) -> Digest {
    guard let file = file.take(), let digester = digester.take() else {
      unreachable("a shard is finished once")
    }
    try MergingError.storage { () throws(StorageError) in try file.flush() }
    do throws(StorageError) { try file.close() } catch { throw .storage(error) }
    return digester.finish()
  }
}
