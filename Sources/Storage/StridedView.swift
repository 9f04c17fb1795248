// A tensor whose elements do not lie one behind the other (a transpose, a slice, an expanded row),
// given a place behind the end of its file, as if a copy of it in order stood there:
//
//   file of 4096 bytes, element [i, j] of a (3, 2) tensor at byte 256 + 4·(i + 3·j)
//   → 24 bytes from 4096 on; reading them gathers elements 0, 3, 1, 4, 2, 5 from byte 256
//
// So whoever reads tensors needs to know of offsets alone.

/// Elements of a file that lie strides apart, seen as one run of bytes.
package struct StridedView: Equatable, Sendable {
  /// Where the run begins: at or behind the end of the file.
  package let offset: Int64
  /// Where the first element lies in the file.
  package let start: Int64
  package let elementByteCount: Int
  package let shape: [Int]
  /// In elements, from 0.
  package let strides: [Int]
  /// Length of the run.
  package let byteCount: Int64
  /// From the first element's first byte to the last one's last: what lies in the file.
  package let spanByteCount: Int64

  /// Nil where a number is negative, or too large to be counted, or an element would lie outside of
  /// the file.
  package init?(
    offset: Int64, start: Int64, elementByteCount: Int, shape: [Int], strides: [Int],
    fileByteCount: Int64
  ) {
    guard shape.count == strides.count, elementByteCount > 0, elementByteCount <= 16, start >= 0,
      offset >= fileByteCount, shape.allSatisfy({ $0 > 0 }), strides.allSatisfy({ $0 >= 0 })
    else { return nil }
    var count = elementByteCount
    var last = 0
    for (extent, stride) in zip(shape, strides) {
      let (product, isLarge) = count.multipliedReportingOverflow(by: extent)
      let (way, isFar) = (extent - 1).multipliedReportingOverflow(by: stride)
      let (sum, isBeyond) = last.addingReportingOverflow(way)
      if isLarge || isFar || isBeyond { return nil }
      (count, last) = (product, sum)
    }
    let (lastByte, isFar) = last.multipliedReportingOverflow(by: elementByteCount)
    guard !isFar, Int64(lastByte) <= fileByteCount - start - Int64(elementByteCount),
      !offset.addingReportingOverflow(Int64(count)).overflow
    else { return nil }
    self.offset = offset
    self.start = start
    self.elementByteCount = elementByteCount
    self.shape = shape
    self.strides = strides
    byteCount = Int64(count)
    spanByteCount = Int64(lastByte + elementByteCount)
  }

  /// The first byte behind the run.
  package var end: Int64 { offset + byteCount }
}

extension [StridedView] {
  /// Where in the file itself a tensor's run of bytes lies: for a view, all that its elements span.
  package func span(_ range: Range<Int64>) -> Range<Int64> {
    guard let view = last(where: { $0.offset <= range.lowerBound }) else { return range }
    return view.start..<(view.start + view.spanByteCount)
  }
}

extension File {
  /// Fills the buffer from `offset`, which may lie in one of the views, given in order.
  package func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64, views: [StridedView]
  ) throws(StorageError) {
    guard let first = views.first, offset >= first.offset, buffer.count > 0 else {
      return try unsafe read(into: buffer, at: offset)
    }
    var low = 0
    var high = views.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if views[middle].offset <= offset { low = middle } else { high = middle }
    }
    let view = views[low]
    guard Int64(buffer.count) <= view.end - offset else {
      throw .ended(
        path: path, offset: offset, expected: buffer.count, found: max(0, Int(view.end - offset)))
    }
    try unsafe Gathering(view).read(self, into: buffer, at: Int(offset - view.offset))
  }
}
