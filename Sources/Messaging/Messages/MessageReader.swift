// Takes fields out of a message's bytes. Every read is checked against the end and the field's own
// limit before anything is allocated.
import Planning

/// Reads little-endian fields in order.
struct MessageReader {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func byte(_ field: String) throws(MessageError) -> UInt8 {
    try bytes[take(1, field)].first!
  }

  /// Reads an unsigned number of 4 or 8 bytes.
  mutating func number<T: FixedWidthInteger & UnsignedInteger>(
    _ type: T.Type, _ field: String
  ) throws(MessageError) -> T {
    var value: T = 0
    for byte in try bytes[take(T.bitWidth / 8, field)].reversed() { value = value << 8 | T(byte) }
    return value
  }

  mutating func count(_ field: String) throws(MessageError) -> Int {
    Int(try number(UInt32.self, field))
  }

  mutating func size(_ field: String) throws(MessageError) -> Int64 {
    let value = try number(UInt64.self, field)
    guard let size = Int64(exactly: value) else { throw .badNumber(field: field, found: value) }
    return size
  }

  mutating func flag(_ field: String) throws(MessageError) -> Bool {
    let value = try byte(field)
    guard value <= 1 else { throw .badNumber(field: field, found: UInt64(value)) }
    return value == 1
  }

  mutating func path(_ field: String) throws(MessageError) -> String {
    let text = try text(field)
    guard !text.utf8.contains(0) else { throw .badText(field: field) }
    return text
  }

  /// Reads prose: no control characters, so that it can be shown on a terminal as it is.
  mutating func prose(_ field: String) throws(MessageError) -> String {
    let text = try text(field)
    guard !text.unicodeScalars.contains(where: MessageCodec.isControl) else {
      throw .badText(field: field)
    }
    return text
  }

  mutating func attempt() throws(MessageError) -> AttemptID {
    try AttemptID(
      job: count("job"), epoch: number(UInt64.self, "attempt's epoch"), attempt: count("attempt"))
  }

  mutating func task() throws(MessageError) -> TaskID {
    try TaskID(Assignment.Kind(from: &self), attempt())
  }

  mutating func tasks(_ field: String) throws(MessageError) -> [TaskID] {
    let count = try count(field)
    guard count <= MessageCodec.listCountMax else {
      throw .overLong(field: field, limit: MessageCodec.listCountMax, found: count)
    }
    var tasks: [TaskID] = []
    for _ in 0..<count { tasks.append(try task()) }
    return tasks
  }

  /// Checks that nothing is left.
  func end() throws(MessageError) {
    guard offset == bytes.count else { throw .trailing(count: bytes.count - offset) }
  }

  private mutating func text(_ field: String) throws(MessageError) -> String {
    let count = try count(field)
    guard count <= MessageCodec.textByteCountMax else {
      throw .overLong(field: field, limit: MessageCodec.textByteCountMax, found: count)
    }
    let range = try take(count, field)
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      throw .badText(field: field)
    }
    return text
  }

  private mutating func take(_ count: Int, _ field: String) throws(MessageError) -> Range<Int> {
    guard count <= bytes.count - offset else {
      throw .ended(field: field, offset: offset, expected: count, found: bytes.count - offset)
    }
    defer { offset += count }
    return offset..<(offset + count)
  }
}
