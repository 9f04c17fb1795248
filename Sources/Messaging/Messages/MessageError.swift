// Why some bytes are not a message of ours. The peer is authenticated but may be broken, so every
// case is an answer to bad input, never a crash.

/// Bytes that are not a message.
package enum MessageError: Error, Equatable {
  /// More bytes than any message has.
  case tooLong(limit: Int, found: Int)
  /// The bytes end inside a field.
  case ended(field: String, offset: Int, expected: Int, found: Int)
  /// The first bytes are not ours.
  case foreign
  /// Another version of the messages is spoken.
  case version(expected: UInt8, found: UInt8)
  /// No message of this side has that number.
  case unknownKind(UInt8)
  /// A text or a list longer than its limit.
  case overLong(field: String, limit: Int, found: Int)
  /// A number that the field cannot have.
  case badNumber(field: String, found: UInt64)
  /// A text that is not UTF-8, or holds bytes that such a text may not.
  case badText(field: String)
  /// Bytes after the last field.
  case trailing(count: Int)

  /// What failed, on what, expected and found, what to do next.
  package var sentence: String {
    switch self {
    case .tooLong(let limit, let found):
      "the message is too long: at most \(limit) bytes expected, \(found) found"
    case .ended(let field, let offset, let expected, let found):
      "the message ends in its field '\(field)': "
        + "\(expected) bytes expected at offset \(offset), \(found) found"
    case .foreign: "the bytes are not a shardweld message: they do not begin with SWM"
    case .version(let expected, let found):
      "the peer speaks version \(found) of the messages, this is version \(expected); "
        + "run the same shardweld on all hosts"
    case .unknownKind(let kind): "no message from this side has the number \(kind)"
    case .overLong(let field, let limit, let found):
      "the message's field '\(field)' is too long: at most \(limit) expected, \(found) found"
    case .badNumber(let field, let found):
      "the message's field '\(field)' cannot have the value \(found)"
    case .badText(let field):
      "the message's field '\(field)' is not text that may be shown or used as a path"
    case .trailing(let count): "the message has \(count) bytes after its last field"
    }
  }
}
