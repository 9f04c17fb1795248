// The shard file while it is written: bytes go to explicit offsets from several threads, digests
// are taken in file order at the gate of `TileLine`. Large files pass the page cache in blocks
// (`BlockStream`) where the file system lets them. What goes through the cache is sent on its way
// to the device at once, window by window (`WriteBackPace`), so that little is left for the flush.
import Planning
import Storage

/// A shard being written.
final class ShardOutput {
  private let file: OutputFile
  private let headerByteCount: Int64
  private var digester: Digester?
  private let pace: WriteBackPace
  /// nil where all bytes go through the page cache.
  private let blocks: BlockStream?

  /// Bytes that go to the device together.
  static let windowByteCount: Int64 = 16 << 20
  /// Of a window that is waited for, so much at once.
  private static let step = 1 << 20

  /// A file of `byteCount` bytes, of which `headerByteCount` stand before the tensors.
  init(
    _ file: consuming File, headerByteCount: Int64, byteCount: Int64, algorithm: DigestAlgorithm,
    windowByteCount: Int64, blockCount: Int
  ) {
    let file = OutputFile(file)
    self.file = file
    self.headerByteCount = headerByteCount
    digester = Digester(algorithm)
    pace = WriteBackPace(windowByteCount: windowByteCount)
    let isDirect =
      byteCount >= Int64(TileBudget.writeBlockByteCount) && file.open?.setDirect(true) == true
    blocks =
      isDirect
      ? BlockStream(blockCount: blockCount) { bytes, offset throws(StorageError) in
        try file.writeBlock(bytes, at: offset)
      } : nil
  }

  /// Digests the shard's next bytes.
  func digest(_ bytes: UnsafeRawBufferPointer) { unsafe digester?.update(bytes.bytes) }

  /// Writes bytes at an offset counted from the end of the header, and starts the way of what is
  /// full to the device.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(MergingError) {
    try unsafe store(bytes.bytes, at: offset)
    if blocks != nil { return }
    try MergingError.storage { () throws(StorageError) in
      guard let full = pace.wrote(bytes.count) else { return }
      try file.open?.writeBack(from: full.lowerBound, count: full.upperBound - full.lowerBound)
    }
  }

  private func store(_ bytes: RawSpan, at offset: Int64) throws(MergingError) {
    let place = headerByteCount + offset
    try MergingError.storage { () throws(StorageError) in
      if let blocks { return try blocks.append(bytes, at: place) }
      try file.write(bytes, at: place)
    }
  }

  /// Digests and writes the file's next bytes, at an offset counted from the end of the header,
  /// which is below 0 in it.
  func put(_ bytes: RawSpan, at offset: Int64) throws(MergingError) {
    digester?.update(bytes)
    try store(bytes, at: offset)
  }

  /// Puts zeros up to an offset, as files have them that align their tensors.
  func pad(from offset: Int64, to end: Int64) throws(MergingError) {
    var place = offset
    try Zeros.eachBlock(end - offset) { (zeros) throws(MergingError) in
      try put(zeros, at: place)
      place += Int64(zeros.byteCount)
    }
  }

  /// Returns once the device is no further behind than one window; calls `meanwhile` after every
  /// megabyte.
  func keepPace(meanwhile: () throws(MergingError) -> Void) throws(MergingError) {
    while let window = pace.awaited {
      for start in stride(from: window.lowerBound, to: window.upperBound, by: Self.step) {
        let count = min(Int64(Self.step), window.upperBound - start)
        try MergingError.storage { () throws(StorageError) in
          try file.open?.awaitWriteBack(from: start, count: count)
        }
        try meanwhile()
      }
      pace.arrived(window)
    }
  }

  /// Flushes and closes the file; the digest of all its bytes. Nothing may be written after.
  func finish() throws(MergingError) -> Digest {
    try MergingError.storage { () throws(StorageError) in
      try blocks?.finish { bytes, offset throws(StorageError) in
        _ = file.open?.setDirect(false)
        try file.write(bytes, at: offset)
      }
    }
    guard let open = file.open.take(), let digester = digester.take() else {
      unreachable("a shard is finished once")
    }
    try MergingError.storage { () throws(StorageError) in try open.flush() }
    do throws(StorageError) { try open.close() } catch { throw .storage(error) }
    return digester.finish()
  }
}

/// The file that several threads write.
///
/// Unchecked: it is taken away when all of them are done.
private final class OutputFile: @unchecked Sendable {
  var open: File?

  init(_ file: consuming File) { open = consume file }

  func write(_ bytes: RawSpan, at offset: Int64) throws(StorageError) {
    try open?.write(bytes, at: offset)
  }

  /// Writes a block past the page cache; through it where the file system takes the way and not the
  /// block.
  func writeBlock(_ bytes: RawSpan, at offset: Int64) throws(StorageError) {
    do throws(StorageError) { return try write(bytes, at: offset) } catch {
      guard error.isDirectUnsupported, open?.setDirect(false) == true else { throw error }
    }
    try write(bytes, at: offset)
  }
}
