// Changes valid input a little, as damage, other tools or an enemy would: single bits and bytes,
// numbers at their limits, words of the formats in strange places, parts cut, doubled, swapped.
import TestSupport

/// One stream of mutations; the same seed gives the same ones.
struct Mutation {
  private var generator: SeededGenerator

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  /// One of a list that is not empty.
  mutating func pick<T>(_ choices: [T]) -> T {
    choices[Int(generator.next() % UInt64(choices.count))]
  }

  /// From 0 up to, not including, `count`; 0 where there is none.
  mutating func index(_ count: Int) -> Int {
    count > 0 ? Int(generator.next() % UInt64(count)) : 0
  }

  /// Some bytes after one to four changes; `other` lends parts of itself.
  mutating func change(_ bytes: [UInt8], with other: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0...index(pick([1, 1, 4])) { step(&bytes, other) }
    return bytes
  }

  private mutating func step(_ bytes: inout [UInt8], _ other: [UInt8]) {
    let place = index(bytes.count)
    switch index(18) {
    case 0 where !bytes.isEmpty: bytes[place] ^= 1 << UInt8(index(8))
    case 1 where !bytes.isEmpty: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
    case 2: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: place)
    case 3: bytes.removeSubrange(part(of: bytes))
    case 4: bytes.insert(contentsOf: bytes[part(of: bytes)], at: place)
    case 5: bytes.replaceSubrange(part(of: bytes), with: other[part(of: other)])
    case 6: bytes.removeLast(bytes.count - place)
    case 7: bytes.insert(contentsOf: pick(Self.words).utf8, at: place)
    case 8: bytes.replaceSubrange(part(of: bytes), with: pick(Self.words).utf8)
    case 9, 12, 13, 14: replaceNumber(&bytes, near: place)
    case 10, 15, 16: replaceText(&bytes, near: place)
    default: swapLittleEndian(&bytes, at: place)
    }
  }

  /// A range of at most 32 bytes, now and then of any length.
  private mutating func part(of bytes: [UInt8]) -> Range<Int> {
    let start = index(bytes.count)
    let most = bytes.count - start
    return start..<start + index(min(most, index(8) == 0 ? most : 32) + 1)
  }

  /// Writes another number in place of the next one in the text.
  private mutating func replaceNumber(_ bytes: inout [UInt8], near place: Int) {
    let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
    guard let start = bytes[place...].firstIndex(where: isDigit) else { return }
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.endIndex
    bytes.replaceSubrange(start..<end, with: pick(Self.numbers).utf8)
  }

  /// Writes another value in place of the next text in quotes, or empties it.
  private mutating func replaceText(_ bytes: inout [UInt8], near place: Int) {
    let quote = UInt8(ascii: "\"")
    guard let start = bytes[place...].firstIndex(of: quote),
      let end = bytes[(start + 1)...].firstIndex(of: quote)
    else { return }
    bytes.replaceSubrange(start...end, with: pick(Self.values).utf8)
  }

  /// Writes a number at its limits over four or eight bytes.
  private mutating func swapLittleEndian(_ bytes: inout [UInt8], at place: Int) {
    let value = pick(Self.limits)
    for index in 0..<pick([4, 8]) where place + index < bytes.count {
      bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
    }
  }

  private static let limits: [UInt64] = [
    0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 62, 1 << 63, .max, .max - 1,
    2047, 2049, 4096, 4097, 65_536,
  ]

  private static let numbers = [
    "0", "1", "2", "3", "7", "8", "16", "255", "65536", "2147483648", "4294967296",
    "4611686018427387904", "9223372036854775807", "9223372036854775808", "18446744073709551616",
    "-1", "-9223372036854775808", "0.5", "1e400", "-0", "1e-400", "00", "1E5", "100000000",
  ]

  private static let values = [
    "null", "true", "false", "0", "-1", "1e400", "\"\"", "[]", "{}", "[[]]", "{\"a\":1}", "\"..\"",
    "\"/dev/zero\"", "\"../x\"", "\"a/../../b\"", "\"\\u0000\"", "\"\\ud800\"", "\"F64\"", "\"I4\"",
    "\"BF16\"", "\"F8_E4M3\"", "\"(a+)+$\"", "\"(\"",
    "\"^(?:[a-z]+\\\\.)*\\\\d{1,999}\"",
    "\"layers.0\"",
    "\"LOKR\"", "\"lora\"", "\"NaN\"", "\"inf\"", "\"xxh3:00000000000000000000000000000000\"",
    "\"sha256:0\"", "[0,0]", "[-1]", "[9223372036854775807,2]", "9223372036854775807",
  ]

  private static let words =
    values + [
      "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", "\r\n", "\0", "\t", "#", " ", "é", "\u{301}",
      String(repeating: "[", count: 140), String(repeating: "{\"a\":", count: 140),
      "\"__metadata__\":{}", "\"use_dora\":true,", "\"r\":0,", "\"rank_pattern\":{\"q\":3},",
      "\"dtype\":\"F32\",", "\"shape\":[],", "\"data_offsets\":[0,0],", "SWM",
    ]
}
