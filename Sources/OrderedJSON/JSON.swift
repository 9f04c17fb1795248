// A JSON value as it stands in its text: members in order, numbers as text. Configs are changed in
// one member and written back with the rest as it was; patterns are tried in the file's order.

/// A JSON value that keeps the order of members and the text of numbers.
package indirect enum JSON: Equatable, Sendable {
  case object([Member])
  case array([JSON])
  case string(String)
  case number(String)
  case bool(Bool)
  case null

  package struct Member: Equatable, Sendable {
    package var key: String
    package var value: JSON

    package init(key: String, value: JSON) {
      self.key = key
      self.value = value
    }
  }

  /// Reads a whole text.
  package init(parsing bytes: [UInt8]) throws(JSONError) {
    var reader = try JSONReader(bytes)
    self = try reader.value()
    try reader.finish()
  }

  package static func integer(_ value: some BinaryInteger) -> JSON { .number(String(value)) }

  // MARK: Looking in

  /// The value of a member, nil where there is none or this is no object.
  package subscript(key: String) -> JSON? {
    get { members?.first { $0.key == key }?.value }
    set {
      guard case .object(var members) = self else { return }
      let index = members.firstIndex { $0.key == key }
      switch (index, newValue) {
      case (let index?, let value?): members[index].value = value
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append(Member(key: key, value: value))
      case (nil, nil): return
      }
      self = .object(members)
    }
  }

  package var members: [Member]? {
    if case .object(let members) = self { members } else { nil }
  }
  package var elements: [JSON]? {
    if case .array(let elements) = self { elements } else { nil }
  }
  package var text: String? { if case .string(let text) = self { text } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var int: Int? { if case .number(let text) = self { Int(text) } else { nil } }
  package var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }

  /// False for what a config means by "off": null, false, 0, an empty text, list or object.
  package var isOn: Bool {
    switch self {
    case .null: false
    case .bool(let value): value
    case .number(let text): Double(text) != 0
    case .string(let text): !text.isEmpty
    case .array(let elements): !elements.isEmpty
    case .object(let members): !members.isEmpty
    }
  }

  // MARK: Writing

  /// The text on one line without spaces.
  package var compact: String {
    var writer = JSONWriter(indent: nil)
    writer.value(self)
    return writer.text
  }

  /// The text with two spaces a level, as transformers writes its configs, and a final newline.
  package var indented: String {
    var writer = JSONWriter(indent: 2)
    writer.value(self)
    return writer.text + "\n"
  }
}
