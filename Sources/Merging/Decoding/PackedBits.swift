// Whole numbers of a few bits in little-endian words of 32, the lowest bits first. They follow each
// other without a gap, so that one may lie across two words, or each word holds as many as fit.

struct PackedBits {
  let bits: Int
  /// Numbers of a word; 0 where there are no gaps.
  private let perWord: Int

  /// Words that a whole number of numbers fills have no gaps.
  init(bits: Int, perWord: Int = 0) {
    self.bits = bits
    self.perWord = perWord * bits == 32 ? 0 : perWord
  }

  var mask: UInt32 { 1 << UInt32(bits) - 1 }

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

  /// The bytes of these words.
  func bytes(of range: Range<Int>) -> Range<Int> {
    let words = words(of: range)
    return words.lowerBound * 4..<words.upperBound * 4
  }

  /// The first bit of a number.
  private func bit(of number: Int) -> Int {
    perWord > 0 ? number / perWord * 32 + number % perWord * bits : number * bits
  }

  /// Writes the numbers of a range, of whose words `bytes` is the first.
  func write(_ bytes: CodeBytes, _ range: Range<Int>, to values: Values) {
    let origin = words(of: range).lowerBound * 32
    let start = bit(of: range.lowerBound) - origin
    if perWord == 0, bits == 4 {
      return unsafe NibblePairs.wholeNumbers.write(
        bytes, from: start / 4, count: range.count, to: values)
    }
    if perWord == 0, bits == 8 {
      let bytes = unsafe bytes + start / 8
      for i in 0..<range.count { unsafe values[i] = Float(Int32(bytes[i])) }
      return
    }
    let end = self.bytes(of: range).count
    let mask = UInt64(mask)
    let step = UInt64(bits)
    var number = range.lowerBound
    while number < range.upperBound {
      // Eight numbers of up to seven bits, which begin in a byte, end within 64 bits of it.
      let together = perWord > 0 ? perWord - number % perWord : 8
      let next = min(number + together, range.upperBound)
      let bit = bit(of: number) - origin
      var rest = unsafe Self.eightBytes(bytes, from: bit / 8, of: end) >> UInt64(bit & 7)
      let room = unsafe values + number - range.lowerBound
      for i in 0..<next - number {
        unsafe room[i] = Float(Int32(truncatingIfNeeded: rest & mask))
        rest &>>= step
      }
      number = next
    }
  }

  /// The little-endian number that begins at a byte; behind the last byte are zeros.
  @inline(__always)
  private static func eightBytes(_ bytes: CodeBytes, from first: Int, of count: Int) -> UInt64 {
    if first + 8 <= count {
      let bytes = unsafe UnsafeRawPointer(bytes)
      return unsafe UInt64(
        littleEndian: bytes.loadUnaligned(fromByteOffset: first, as: UInt64.self))
    }
    return (first..<count).reversed().reduce(0) { unsafe $0 << 8 | UInt64(bytes[$1]) }
  }

  /// Writes the number of each of `count` columns that are packed downwards, `row` rows below the
  /// first of `words`, which lie `count` apart.
  func write(
    _ words: UnsafePointer<UInt32>, row: Int, of rows: Range<Int>, count: Int, to values: Values
  ) {
    let bit = bit(of: row) - self.words(of: rows).lowerBound * 32
    let shift = UInt32(bit & 31)
    let low = unsafe words + bit / 32 * count
    // Of a number that lies in one word, the bits of that word come in again above the mask.
    let high = unsafe Int(shift) + bits > 32 ? low + count : low
    let mask = mask
    for i in 0..<count {
      let number = unsafe low[i] &>> shift | high[i] &<< (32 &- shift)
      unsafe values[i] = Float(Int32(bitPattern: number & mask))
    }
  }

  /// The numbers of a range, whose words these are.
  func along(_ bytes: [UInt8], _ range: Range<Int>) -> [Float] {
    unsafe [Float](unsafeUninitializedCapacity: range.count) { values, count in
      unsafe bytes.withUnsafeBufferPointer { bytes in
        unsafe write(bytes.baseAddress!, range, to: values.baseAddress!)
      }
      count = range.count
    }
  }

  /// The numbers of a range of rows and so many columns, whose words these are.
  func down(_ words: [UInt32], _ rows: Range<Int>, count columns: Int) -> [Float] {
    unsafe [Float](unsafeUninitializedCapacity: rows.count * columns) { values, count in
      unsafe words.withUnsafeBufferPointer { words in
        for (index, row) in rows.enumerated() {
          unsafe write(
            words.baseAddress!, row: row, of: rows, count: columns,
            to: values.baseAddress! + index * columns)
        }
      }
      count = rows.count * columns
    }
  }
}
