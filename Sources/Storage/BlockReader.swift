/// Reads files in blocks of 4 MB through one buffer, so that no file is ever whole in memory.
package struct BlockReader {
  package static let blockByteCount = 4 << 20
  private let buffer: Buffer

  /// For ranges of at most so many bytes; a buffer is cleared when it is made, a small one faster.
  package init(upTo byteCount: Int64 = .max) {
    buffer = Buffer(byteCount: Int(min(byteCount, Int64(Self.blockByteCount))))
  }

  /// Lends the bytes of a range, block by block, in order.
  package func read<E: Error>(
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
  package func read(
    _ file: borrowing File, _ range: Range<Int64>, _ body: (RawSpan) throws(StorageError) -> Void
  ) throws(StorageError) {
    try read(file, range, wrapping: { $0 }, body)
  }
}
