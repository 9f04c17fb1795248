/// Why a text is not the JSON that was expected. Offsets count bytes from the start of the text.
package enum JSONError: Error, Equatable {
  /// The text breaks the grammar of RFC 8259.
  case syntax(offset: Int, expected: String)
  /// The text is not UTF-8.
  case notUTF8(offset: Int)
  /// One object names a key twice.
  case duplicateKey(String, offset: Int)
  /// Objects and arrays stand inside each other deeper than 128 levels.
  case tooDeep(offset: Int)
  /// A number is no whole number that fits 64 bits.
  case notAnInteger(offset: Int)

  /// What is wrong, where.
  package var sentence: String {
    switch self {
    case .syntax(let offset, let expected): "\(expected) expected at byte \(offset)"
    case .notUTF8(let offset): "not UTF-8 at byte \(offset)"
    case .duplicateKey(let key, let offset): "key \"\(key)\" stands twice, again at byte \(offset)"
    case .tooDeep(let offset): "nested deeper than 128 levels at byte \(offset)"
    case .notAnInteger(let offset): "a whole number of at most 63 bits expected at byte \(offset)"
    }
  }
}
