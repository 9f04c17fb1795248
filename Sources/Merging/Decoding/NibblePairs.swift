// Numbers of four bits, two in a byte: both come out of one look into a table of the 256 bytes.

struct NibblePairs: Sendable {
  enum Order { case lowFirst, highFirst }

  /// By the byte, in the order of the elements.
  private let pairs: [SIMD2<Float>]

  /// The 16 numbers of a book.
  init(_ book: [Float], _ order: Order) {
    pairs = (0..<256).map { byte in
      let (low, high) = (book[byte & 15], book[byte >> 4])
      return order == .lowFirst ? SIMD2(low, high) : SIMD2(high, low)
    }
  }

  static let wholeNumbers = NibblePairs((0..<16).map(Float.init), .lowFirst)

  /// Writes numbers · scale, from the `first` of those that begin with a byte.
  func write(
    _ bytes: CodeBytes, from first: Int, count: Int, by scale: Float = 1, to values: Values
  ) {
    unsafe pairs.withUnsafeBufferPointer { pairs in
      let pairs = pairs.baseAddress!
      var (bytes, values, rest) = unsafe (bytes + first / 2, values, count)
      if first & 1 == 1, rest > 0 {
        unsafe values[0] = pairs[Int(bytes[0])].y * scale
        unsafe (bytes, values, rest) = (bytes + 1, values + 1, rest - 1)
      }
      let room = UnsafeMutableRawPointer(values)
      for i in 0..<rest / 2 {
        let pair = unsafe pairs[Int(bytes[i])] * scale
        unsafe room.storeBytes(of: pair, toByteOffset: i &* 8, as: SIMD2<Float>.self)
      }
      if rest & 1 == 1 { unsafe values[rest - 1] = pairs[Int(bytes[rest / 2])].x * scale }
    }
  }
}
