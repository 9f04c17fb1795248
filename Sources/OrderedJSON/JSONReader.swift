// A strict pull parser over bytes: the caller asks for what it expects and the reader gives it or
// says where the text differs. Nothing is built that the caller does not ask for, so a header of
// 200 000 tensors or a job of a huge plan is read straight into its own structs.
//
//   {"a": [1, 2], "b": "text"}
//
//   try reader.object { key throws(JSONError) in … reader.string() … }

/// Reads one JSON text from front to back.
package struct JSONReader {
  private let bytes: [UInt8]
  private var offset: Int
  private let end: Int
  private var depth = 0
  /// True between an opening bracket and the first member behind it.
  private var isFirst = false
  /// Where the key read last begins.
  private var keyOffset = 0

  /// Starts at the front of a text. Bytes that are not UTF-8 are refused here.
  package init(_ bytes: [UInt8]) throws(JSONError) {
    try Self.checkUTF8(bytes)
    self.bytes = bytes
    offset = 0
    end = bytes.count
  }

  /// Where the reader stands, in bytes from the start of the text.
  package var position: Int { offset }

  // MARK: Values

  /// Reads an object; `member` is called with each key in order and must read or skip its value.
  ///
  /// A repeated key is refused where `uniqueKeys` is set; large objects of which the caller checks
  /// keys itself leave it off.
  package mutating func object<E: Error>(
    uniqueKeys: Bool = true, _ member: (String, inout JSONReader) throws(E) -> Void
  ) throws(E) where E: ConvertibleFromJSONError {
    try wrap(E.self) { r throws(JSONError) in try r.beginObject() }
    var seen: Set<String> = []
    while true {
      guard let key = try wrap(E.self, { r throws(JSONError) in try r.nextKey() }) else { return }
      if uniqueKeys, !seen.insert(key).inserted {
        throw E(JSONError.duplicateKey(key, offset: keyOffset))
      }
      try member(key, &self)
    }
  }

  /// Reads an array; `element` is called at each element and must read or skip it.
  package mutating func array<E: Error>(
    _ element: (inout JSONReader) throws(E) -> Void
  ) throws(E) where E: ConvertibleFromJSONError {
    try wrap(E.self) { r throws(JSONError) in try r.beginArray() }
    while try wrap(E.self, { r throws(JSONError) in try r.nextElement() }) { try element(&self) }
  }

  // The same walk in steps, for large texts: no closure, no generic call, no set of keys.

  /// Reads the opening brace of an object; `nextKey` follows until it gives nil.
  package mutating func beginObject() throws(JSONError) { try open(UInt8(ascii: "{"), "an object") }

  /// The next key of the object begun last, or nil past its closing brace. Its value must be read or
  /// skipped before the next call. Repeated keys are the caller's to refuse.
  package mutating func nextKey() throws(JSONError) -> String? {
    if try closes(UInt8(ascii: "}")) { return nil }
    skipSpace()
    keyOffset = offset
    let key = try string()
    try expect(UInt8(ascii: ":"), "\":\"")
    return key
  }

  /// Reads the opening bracket of an array; `nextElement` follows until it says false.
  package mutating func beginArray() throws(JSONError) { try open(UInt8(ascii: "["), "an array") }

  /// True where another element of the array begun last comes next; false past its closing bracket.
  package mutating func nextElement() throws(JSONError) -> Bool {
    !(try closes(UInt8(ascii: "]")))
  }

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

  /// Reads any value as a tree.
  package mutating func value() throws(JSONError) -> JSON {
    skipSpace()
    switch peek {
    case UInt8(ascii: "{"):
      var members: [JSON.Member] = []
      try object { key, reader throws(JSONError) in
        members.append(JSON.Member(key: key, value: try reader.value()))
      }
      return .object(members)
    case UInt8(ascii: "["):
      var elements: [JSON] = []
      try array { reader throws(JSONError) in elements.append(try reader.value()) }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    // Python's json writes these three; configs on disk carry them.
    case UInt8(ascii: "N"): return try word("NaN", .number("NaN"))
    case UInt8(ascii: "I"): return try word("Infinity", .number("Infinity"))
    case UInt8(ascii: "-") where offset + 1 < end && bytes[offset + 1] == UInt8(ascii: "I"):
      return try word("-Infinity", .number("-Infinity"))
    default: return .number(try numberText())
    }
  }

  /// Reads any value and forgets it; its grammar is checked all the same, repeated keys are not.
  package mutating func skip() throws(JSONError) {
    skipSpace()
    switch peek {
    case UInt8(ascii: "{"):
      try beginObject()
      while try nextKey() != nil { try skip() }
    case UInt8(ascii: "["):
      try beginArray()
      while try nextElement() { try skip() }
    default: _ = try value()
    }
  }

  /// True where a null stands next; it is then read.
  package mutating func null() -> Bool {
    skipSpace()
    let text = Array("null".utf8)
    guard offset + 4 <= end, bytes[offset..<offset + 4].elementsEqual(text) else { return false }
    offset += 4
    return true
  }

  /// Refuses anything but white space up to the end.
  package mutating func finish() throws(JSONError) {
    skipSpace()
    guard offset == end else { throw .syntax(offset: offset, expected: "the end of the text") }
  }

  // MARK: Grammar

  private var peek: UInt8? { offset < end ? bytes[offset] : nil }

  private mutating func skipSpace() {
    while offset < end {
      switch bytes[offset] {
      case 0x20, 0x0A, 0x0D, 0x09: offset += 1
      default: return
      }
    }
  }

  private mutating func expect(_ byte: UInt8, _ what: String) throws(JSONError) {
    skipSpace()
    guard peek == byte else { throw .syntax(offset: offset, expected: what) }
    offset += 1
  }

  private mutating func open(_ byte: UInt8, _ what: String) throws(JSONError) {
    try expect(byte, what)
    depth += 1
    guard depth <= 128 else { throw .tooDeep(offset: offset - 1) }
    isFirst = true
  }

  /// Before a member: true where the container closes, else past the comma that must come first.
  private mutating func closes(_ byte: UInt8) throws(JSONError) -> Bool {
    skipSpace()
    defer { isFirst = false }
    if peek == byte {
      offset += 1
      depth -= 1
      return true
    }
    if !isFirst { try expect(UInt8(ascii: ","), "\",\" or the end of the list") }
    return false
  }

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

  private mutating func word(_ text: String, _ value: JSON) throws(JSONError) -> JSON {
    guard offset + text.utf8.count <= end,
      bytes[offset..<offset + text.utf8.count].elementsEqual(text.utf8)
    else { throw .syntax(offset: offset, expected: "a value") }
    offset += text.utf8.count
    return value
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

  private static func checkUTF8(_ bytes: [UInt8]) throws(JSONError) {
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      throw .notUTF8(offset: error.byteOffsets.lowerBound)
    }
  }

  /// Runs a step of our own and gives its error as the caller's kind.
  private mutating func wrap<T, E: ConvertibleFromJSONError>(
    _: E.Type, _ step: (inout JSONReader) throws(JSONError) -> T
  ) throws(E) -> T {
    do { return try step(&self) } catch { throw E(error) }
  }
}

/// An error that can carry a JSON error, so that closures given to the reader may throw their own.
package protocol ConvertibleFromJSONError: Error {
  init(_ error: JSONError)
}

extension JSONError: ConvertibleFromJSONError {
  package init(_ error: JSONError) { self = error }
}
