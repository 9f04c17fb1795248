/// Writes JSON text piece by piece; the same calls always give the same bytes.
package struct JSONWriter {
  private var out: [UInt8] = []
  private let indent: Int?
  private var level = 0
  private var needsComma = false

  /// `indent` spaces a level, or everything on one line where nil.
  package init(indent: Int?) { self.indent = indent }

  package var text: String { String(decoding: out, as: UTF8.self) }
  package var bytes: [UInt8] { out }

  /// Writes a whole value.
  package mutating func value(_ json: JSON) {
    switch json {
    case .object(let members):
      object { writer in for member in members { writer.member(member.key, member.value) } }
    case .array(let elements):
      array { writer in for element in elements { writer.value(element) } }
    case .string(let text): string(text)
    case .number(let text): scalar(text)
    case .bool(let value): scalar(value ? "true" : "false")
    case .null: scalar("null")
    }
  }

  /// Writes an object whose members the closure writes.
  package mutating func object(_ members: (inout JSONWriter) -> Void) {
    container("{", "}", members)
  }

  /// Writes an array whose elements the closure writes.
  package mutating func array(_ elements: (inout JSONWriter) -> Void) {
    container("[", "]", elements)
  }

  package mutating func member(_ key: String, _ value: JSON) {
    self.key(key)
    self.value(value)
  }

  package mutating func member(_ key: String, _ text: String) {
    self.key(key)
    string(text)
  }

  package mutating func member(_ key: String, _ number: some BinaryInteger) {
    self.key(key)
    integer(number)
  }

  /// Writes a key; exactly one value must follow.
  package mutating func key(_ key: String) {
    separate()
    quoted(key)
    out.append(UInt8(ascii: ":"))
    if indent != nil { out.append(UInt8(ascii: " ")) }
    needsComma = false
    afterKey = true
  }

  package mutating func string(_ text: String) {
    separate()
    quoted(text)
    needsComma = true
  }

  package mutating func integer(_ number: some BinaryInteger) {
    guard let number = Int(exactly: number) else { return scalar(String(number)) }
    separate()
    digits(number)
    needsComma = true
  }

  private var afterKey = false

  /// Writes digits straight into the text: a large plan has millions of numbers.
  private mutating func digits(_ number: Int) {
    if number < 0 { out.append(UInt8(ascii: "-")) }
    var rest = number.magnitude
    var digits = InlineArray<20, UInt8>(repeating: UInt8(ascii: "0"))
    var start = digits.count - 1
    while true {
      digits[start] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
      if rest == 0 { break }
      start -= 1
    }
    for index in start..<digits.count { out.append(digits[index]) }
  }

  private mutating func scalar(_ text: String) {
    separate()
    out.append(contentsOf: text.utf8)
    needsComma = true
  }

  private mutating func container(
    _ open: String, _ close: String, _ body: (inout JSONWriter) -> Void
  ) {
    separate()
    out.append(contentsOf: open.utf8)
    let start = out.count
    level += 1
    needsComma = false
    body(&self)
    level -= 1
    if out.count > start { newline() }
    out.append(contentsOf: close.utf8)
    needsComma = true
  }

  private mutating func separate() {
    if afterKey {
      afterKey = false
      return
    }
    if needsComma { out.append(UInt8(ascii: ",")) }
    if level > 0 { newline() }
  }

  private mutating func newline() {
    guard let indent else { return }
    out.append(UInt8(ascii: "\n"))
    out.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent * level))
  }

  /// Escapes as Python's and Rust's JSON do (and DEL, as Python does); other text stays as it is.
  private mutating func quoted(_ text: String) {
    out.append(UInt8(ascii: "\""))
    if Self.isPlain(text) {
      out.append(contentsOf: text.utf8)
    } else {
      for byte in text.utf8 { escape(byte) }
    }
    out.append(UInt8(ascii: "\""))
  }

  /// True where nothing is to be escaped.
  private static func isPlain(_ text: String) -> Bool {
    let bytes = text.utf8Span.span
    for index in bytes.indices {
      let byte = bytes[index]
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7F {
        return false
      }
    }
    return true
  }

  private mutating func escape(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(contentsOf: [UInt8(ascii: "\\"), byte])
    case 0x08: out.append(contentsOf: "\\b".utf8)
    case 0x0C: out.append(contentsOf: "\\f".utf8)
    case 0x0A: out.append(contentsOf: "\\n".utf8)
    case 0x0D: out.append(contentsOf: "\\r".utf8)
    case 0x09: out.append(contentsOf: "\\t".utf8)
    case 0..<0x20, 0x7F:
      let digits = Array("0123456789abcdef".utf8)
      out.append(contentsOf: "\\u00".utf8)
      out.append(digits[Int(byte >> 4)])
      out.append(digits[Int(byte & 15)])
    default: out.append(byte)
    }
  }
}
