// Things that lie on an alignment, and the zeros between them.

extension Int64 {
  /// The next multiple of an alignment; itself where it is one.
  package func aligned(to alignment: Int64) -> Int64 {
    let rest = self % alignment
    return rest == 0 ? self : self + alignment - rest
  }
}

package enum Zeros {
  /// Lends so many zeros, a megabyte at most at once.
  package static func eachBlock<E: Error>(
    _ byteCount: Int64, _ body: (RawSpan) throws(E) -> Void
  ) throws(E) {
    let zeros = [UInt8](repeating: 0, count: Int(min(byteCount, 1 << 20)))
    var rest = byteCount
    while rest > 0 {
      let count = Int(min(rest, Int64(zeros.count)))
      try body(unsafe zeros.span.bytes.extracting(0..<count))
      rest -= Int64(count)
    }
  }
}
