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

/// Reads files in blocks of 4 MB through one buffer, so that no file is ever whole in memory.
struct BlockReader {
  static let blockByteCount = 4 << 20
  private let buffer: Buffer

  /// For ranges of at most so many bytes; a buffer is cleared when it is made, a small one faster.
  init(upTo byteCount: Int64 = .max) {
    buffer = Buffer(byteCount: Int(min(byteCount, Int64(Self.blockByteCount))))
  }

  /// Lends the bytes of a range, block by block, in order.
  func read<E: Error>(
    _ file: borrowing File, _ range: Range<Int64>, wrapping: (StorageError) -> E,
    _ body: (RawSpan) throws(E) -> Void
  ) throws(E) {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let count = unsafe Int(min(Int64(buffer.bytes.count), range.upperBound - offset))
      // The buffer outlives the loan and nobody else writes to it meanwhile.
      let block = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<count])
      do throws(StorageError) { try unsafe file.read(into: block, at: offset) } catch {
        throw wrapping(error)
      }
      try body(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(block)))
      offset += Int64(count)
    }
  }

  /// The same where nothing but the reading can fail.
  func read(
    _ file: borrowing File, _ range: Range<Int64>, _ body: (RawSpan) throws(StorageError) -> Void
  ) throws(StorageError) {
    try read(file, range, wrapping: { $0 }, body)
  }
}
