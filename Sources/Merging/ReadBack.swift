// Reading a finished shard again and digesting it, by a process that did not write it.
package import Storage

/// The read-back of a file.
package enum ReadBack {
  /// Bytes read at once.
  private static let blockByteCount = 4 << 20

  /// Digests a whole file; with `dropCache` its pages come from the device where the kernel lets go
  /// of them. `progress` is told the bytes read so far after every block; false stops.
  package static func run(
    _ path: String, algorithm: DigestAlgorithm, dropCache: Bool, progress: (Int64) -> Bool
  ) throws(MergingError) -> (byteCount: Int64, digest: Digest) {
    let file = try MergingError.storage { () throws(StorageError) in try File.open(path) }
    let byteCount = try MergingError.storage { () throws(StorageError) in
      try file.status().byteCount
    }
    if dropCache { file.dropCache() }
    let buffer = Buffer(byteCount: Int(min(Int64(blockByteCount), byteCount)))
    var digester = Digester(algorithm)
    var offset: Int64 = 0
    while offset < byteCount {
      let count = Int(min(Int64(blockByteCount), byteCount - offset))
      let block = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<count])
      try MergingError.storage { () throws(StorageError) in
        try unsafe file.read(into: block, at: offset)
      }
      unsafe digester.update(UnsafeRawBufferPointer(block).bytes)
      offset += Int64(count)
      guard progress(offset) else { throw .stopped(path: path) }
    }
    return (byteCount, digester.finish())
  }
}
