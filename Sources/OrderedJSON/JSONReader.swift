// A strict pull parser over bytes: the caller asks for what it expects and the reader gives it or
// says where the text differs. Nothing is built that the caller does not ask for, so a header of
// 200 000 tensors or a job of a huge plan is read straight into its own structs.
//
//   {"a": [1, 2], "b": "text"}
//
//   try reader.object { key throws(JSONError) in … reader.string() … }

/// Reads one JSON text from front to back.
package struct JSONReader {
  let bytes: [UInt8]
  var offset: Int
  let end: Int
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

  /// The next key of the object begun last, or nil past its closing brace. Its value must be read
  /// or skipped before the next call. Repeated keys are the caller's to refuse.
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

  var peek: UInt8? { offset < end ? bytes[offset] : nil }

  mutating func skipSpace() {
    while offset < end {
      switch bytes[offset] {
      case 0x20, 0x0A, 0x0D, 0x09: offset += 1
      default: return
      }
    }
  }

  mutating func expect(_ byte: UInt8, _ what: String) throws(JSONError) {
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

  private mutating func word(_ text: String, _ value: JSON) throws(JSONError) -> JSON {
    guard offset + text.utf8.count <= end,
      bytes[offset..<offset + text.utf8.count].elementsEqual(text.utf8)
    else { throw .syntax(offset: offset, expected: "a value") }
    offset += text.utf8.count
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
