// Strings and numbers of the text: escapes undone, numbers as Int64 or as they stand.

extension JSONReader {
  /// Reads a string with its escapes undone; a lone surrogate becomes U+FFFD.
  package mutating func string() throws(JSONError) -> String {
    try expect(UInt8(ascii: "\""), "a string")
    let start = offset
    while offset < end {
      let byte = bytes[offset]
      if byte == UInt8(ascii: "\"") {
        defer { offset += 1 }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      guard byte >= 0x20 else { throw .syntax(offset: offset, expected: "an escape") }
      offset += 1
    }
    throw .syntax(offset: offset, expected: "the end of a string")
  }

  /// Reads a whole number, without fraction or exponent, that fits 64 bits with sign.
  package mutating func integer() throws(JSONError) -> Int64 {
    skipSpace()
    let start = offset
    try number()
    let isNegative = bytes[start] == UInt8(ascii: "-")
    var value: Int64 = 0
    for index in (isNegative ? start + 1 : start)..<offset {
      let digit = Int64(bytes[index]) - 0x30
      guard (0...9).contains(digit) else { throw .notAnInteger(offset: start) }
      // Counted downwards: the least number has no positive counterpart.
      let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (next, tooLargeBySum) = tens.subtractingReportingOverflow(digit)
      if tooLarge || tooLargeBySum { throw .notAnInteger(offset: start) }
      value = next
    }
    if isNegative { return value }
    guard value != .min else { throw .notAnInteger(offset: start) }
    return -value
  }

  /// Reads a number and gives its text as it stands.
  package mutating func numberText() throws(JSONError) -> String {
    skipSpace()
    let start = offset
    try number()
    return String(decoding: bytes[start..<offset], as: UTF8.self)
  }

  // MARK: Grammar

  /// Reads past a number.
  private mutating func number() throws(JSONError) {
    if peek == UInt8(ascii: "-") { offset += 1 }
    if peek == UInt8(ascii: "0") {
      offset += 1
    } else {
      try digits()
    }
    if peek == UInt8(ascii: ".") {
      offset += 1
      try digits()
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      offset += 1
      if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { offset += 1 }
      try digits()
    }
  }

  private mutating func digits() throws(JSONError) {
    let start = offset
    while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { offset += 1 }
    guard offset > start else { throw .syntax(offset: offset, expected: "a value") }
  }

  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var out = Array(bytes[start..<offset])
    while offset < end {
      let byte = bytes[offset]
      offset += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: out, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let escape = peek else { break }
        offset += 1
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "u"): out.append(contentsOf: Array(String(try scalar()).utf8))
        default: throw .syntax(offset: offset - 1, expected: "an escape")
        }
      case 0..<0x20: throw .syntax(offset: offset - 1, expected: "an escape")
      default: out.append(byte)
      }
    }
    throw .syntax(offset: offset, expected: "the end of a string")
  }

  /// The scalar of one `\uXXXX`, or of two that form a surrogate pair.
  private mutating func scalar() throws(JSONError) -> Character {
    let high = try hexadecimal()
    if (0xD800..<0xDC00).contains(high), offset + 6 <= end, bytes[offset] == UInt8(ascii: "\\"),
      bytes[offset + 1] == UInt8(ascii: "u")
    {
      let back = offset
      offset += 2
      let low = try hexadecimal()
      if (0xDC00..<0xE000).contains(low) {
        return Character(Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))!)
      }
      offset = back
    }
    return Character(Unicode.Scalar(high) ?? "\u{FFFD}")
  }

  private mutating func hexadecimal() throws(JSONError) -> UInt32 {
    guard offset + 4 <= end,
      bytes[offset..<offset + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let value = UInt32(String(decoding: bytes[offset..<offset + 4], as: UTF8.self), radix: 16)
    else { throw .syntax(offset: offset, expected: "four hexadecimal digits") }
    offset += 4
    return value
  }
}
