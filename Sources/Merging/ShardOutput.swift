// The shard file while it is written: bytes go to explicit offsets from several threads, digests
// are taken in file order at the gate of `TileLine`.
import Storage

/// A shard being written.
final class ShardOutput {
  private var file: File?
  private let headerByteCount: Int
  private var digester: Digester?

  init(_ file: consuming File, headerByteCount: Int, algorithm: DigestAlgorithm) {
    self.file = consume file
    self.headerByteCount = headerByteCount
    digester = Digester(algorithm)
  }

  /// Digests the shard's next bytes.
  func digest(_ bytes: UnsafeRawBufferPointer) { unsafe digester?.update(bytes.bytes) }

  func digest(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe digest($0) }
  }

  /// Writes bytes at an offset counted from the end of the header.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(MergingError) {
    try MergingError.storage { () throws(StorageError) in
      try unsafe file?.write(bytes, at: Int64(headerByteCount) + offset)
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
