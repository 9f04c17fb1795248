/// The order in which people count: runs of digits by value, all else by bytes.
package enum NaturalOrder {
  /// True where `a` comes before `b`. Names that count the same are told apart by their bytes.
  package static func precedes(_ a: String, _ b: String) -> Bool {
    let (left, right) = (Array(a.utf8), Array(b.utf8))
    var (i, j) = (0, 0)
    while i < left.count, j < right.count {
      if isDigit(left[i]), isDigit(right[j]) {
        let (first, second) = (run(left, from: i), run(right, from: j))
        let (one, other) = (significant(left[first]), significant(right[second]))
        if one.count != other.count { return one.count < other.count }
        if !one.elementsEqual(other) { return one.lexicographicallyPrecedes(other) }
        (i, j) = (first.upperBound, second.upperBound)
      } else {
        if left[i] != right[j] { return left[i] < right[j] }
        (i, j) = (i + 1, j + 1)
      }
    }
    let (restOfLeft, restOfRight) = (left.count - i, right.count - j)
    if restOfLeft != restOfRight { return restOfLeft < restOfRight }
    return left.lexicographicallyPrecedes(right)
  }

  static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func run(_ bytes: [UInt8], from start: Int) -> Range<Int> {
    start..<(bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count)
  }

  private static func significant(_ digits: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    digits.drop { $0 == UInt8(ascii: "0") }
  }
}
