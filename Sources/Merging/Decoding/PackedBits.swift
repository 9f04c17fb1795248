// Whole numbers of a few bits in little-endian words of 32, the lowest bits first. They follow each
// other without a gap, so that one may lie across two words, or each word holds as many as fit.

struct PackedBits {
  let bits: Int
  /// Numbers of a word; 0 where there are no gaps.
  var perWord = 0

  /// Words that hold so many numbers.
  func wordCount(_ count: Int) -> Int {
    perWord > 0 ? (count + perWord - 1) / perWord : (count * bits + 31) / 32
  }

  /// The words that hold the numbers of a range.
  func words(of range: Range<Int>) -> Range<Int> {
    perWord > 0
      ? range.lowerBound / perWord..<wordCount(range.upperBound)
      : range.lowerBound * bits / 32..<wordCount(range.upperBound)
  }

  /// The first bit of a number.
  @inline(__always)
  func bit(of number: Int) -> Int {
    perWord > 0 ? number / perWord * 32 + number % perWord * bits : number * bits
  }

  /// The number that begins at a bit of words which lie `stride` apart.
  @inline(__always)
  func number(_ words: [UInt32], at bit: Int, first: Int = 0, stride: Int = 1) -> Int {
    let shift = bit & 31
    let word = first + (bit >> 5) * stride
    var found = UInt64(words[word])
    if shift + bits > 32 { found |= UInt64(words[word + stride]) << 32 }
    return Int(found >> UInt64(shift)) & (1 << bits - 1)
  }
}
