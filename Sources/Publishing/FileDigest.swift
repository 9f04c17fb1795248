package import Storage

/// A file by its name, size and digest.
package struct FileDigest: Equatable, Sendable {
  /// Relative to its folder.
  package var name: String
  package var byteCount: Int64
  /// `xxh3:…` of all its bytes.
  package var digest: String

  package init(name: String, byteCount: Int64, digest: String) {
    self.name = name
    self.byteCount = byteCount
    self.digest = digest
  }

  /// What bytes in memory would be as a file.
  init(name: String, bytes: [UInt8]) {
    self.init(
      name: name, byteCount: Int64(bytes.count), digest: Digest.xxh3(bytes).description)
  }

  /// Reads a whole file, in blocks.
  package static func of(_ path: String, name: String) throws(StorageError) -> FileDigest {
    let file = try File.open(path)
    let byteCount = try file.status().byteCount
    let reader = BlockReader(upTo: byteCount)
    var digester = Digester(.xxh3)
    try reader.read(file, 0..<byteCount) { block in digester.update(block) }
    return FileDigest(name: name, byteCount: byteCount, digest: digester.finish().description)
  }
}
