// Reading a finished shard again and digesting it, by a process that did not write it.
package import Storage

/// The read-back of a file.
package enum ReadBack {
  /// Bytes read at once.
  private static let blockByteCount = 4 << 20

  /// Digests a whole file; with `fromDevice` its bytes come from there, past the page cache or
  /// after the kernel was asked to forget them. `progress` is told the bytes read so far after
  /// every block; false stops.
  package static func run(
    _ path: String, algorithm: DigestAlgorithm, fromDevice: Bool, traffic: Traffic? = nil,
    progress: (Int64) -> Bool
  ) throws(MergingError) -> (byteCount: Int64, digest: Digest) {
    let file = try MergingError.storage { () throws(StorageError) in
      try File.open(path, traffic)
    }
    let byteCount = try MergingError.storage { () throws(StorageError) in
      try file.status().byteCount
    }
    if fromDevice { file.dropCache() }
    let buffer = Buffer(byteCount: Int(min(Int64(blockByteCount), byteCount)))
    var isDirect = fromDevice && byteCount >= blockByteCount && file.setDirect(true)
    var digester = Digester(algorithm)
    var offset: Int64 = 0
    while offset < byteCount {
      let count = Int(min(Int64(blockByteCount), byteCount - offset))
      // The last bytes of a file are no whole pages.
      if isDirect, count < blockByteCount { isDirect = !file.setDirect(false) }
      let block = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<count])
      try MergingError.storage { () throws(StorageError) in
        try unsafe read(file, into: block, at: offset, &isDirect)
      }
      unsafe digester.update(UnsafeRawBufferPointer(block).bytes)
      offset += Int64(count)
      guard progress(offset) else { throw .stopped(path: path) }
    }
    return (byteCount, digester.finish())
  }

  /// Reads a block; through the page cache where the file system does not take it otherwise.
  private static func read(
    _ file: borrowing File, into block: UnsafeMutableRawBufferPointer, at offset: Int64,
    _ isDirect: inout Bool
  ) throws(StorageError) {
    do throws(StorageError) { return try unsafe file.read(into: block, at: offset) } catch {
      guard isDirect, error.isDirectUnsupported else { throw error }
    }
    isDirect = !file.setDirect(false)
    try unsafe file.read(into: block, at: offset)
  }
}
