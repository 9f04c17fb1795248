// Messages as bytes, little-endian, without gaps. A coordinator's heartbeat of epoch 3:
//
//   53 57 4d | 04 | 86 | 03 00 00 00 00 00 00 00 | session, 8 | sequence, 8 | period, 4
//   S  W  M  ver. kind   epoch
//
// then the kind's own fields (`WorkerMessage+Coding`, `CoordinatorMessage+Coding`). Numbers have 4
// or 8 bytes, a text or a list has its count before it. There is one encoding of a message: bytes
// that decode encode to the same bytes again.
import Storage

/// Turns messages into bytes and back. Pure.
package enum MessageCodec {
  /// Raised whenever a field changes; peers of another version are refused.
  package static let version: UInt8 = 4
  /// No message has more bytes.
  package static let byteCountMax = 64 * 1024
  /// No text in a message has more bytes: the kernel's own limit of a path.
  package static let textByteCountMax = 4096
  /// No list in a message is longer: with the longest text beside it, it still fits a message.
  package static let listCountMax = 2048

  private static let magic = Array("SWM".utf8)

  package static func encode(_ message: WorkerMessage, _ envelope: Envelope) -> [UInt8] {
    var writer = head(message.kind.rawValue, envelope)
    message.write(to: &writer)
    return finished(writer)
  }

  package static func encode(_ message: CoordinatorMessage, _ envelope: Envelope) -> [UInt8] {
    var writer = head(message.kind.rawValue, envelope)
    message.write(to: &writer)
    return finished(writer)
  }

  /// Reads what a worker said; anything but exactly one message is refused.
  package static func decodeWorker(
    _ bytes: [UInt8]
  ) throws(MessageError) -> (WorkerMessage, Envelope) {
    var reader = MessageReader(bytes)
    let (number, envelope) = try readHead(bytes.count, &reader)
    guard let kind = WorkerMessage.Kind(rawValue: number) else { throw .unknownKind(number) }
    let message = try WorkerMessage(kind, from: &reader)
    try reader.end()
    return (message, envelope)
  }

  /// Reads what the coordinator said; anything but exactly one message is refused.
  package static func decodeCoordinator(
    _ bytes: [UInt8]
  ) throws(MessageError) -> (CoordinatorMessage, Envelope) {
    var reader = MessageReader(bytes)
    let (number, envelope) = try readHead(bytes.count, &reader)
    guard let kind = CoordinatorMessage.Kind(rawValue: number) else { throw .unknownKind(number) }
    let message = try CoordinatorMessage(kind, from: &reader)
    try reader.end()
    return (message, envelope)
  }

  /// C0, DEL and C1: what could steer a terminal.
  static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
  }

  private static func head(_ kind: UInt8, _ envelope: Envelope) -> MessageWriter {
    var writer = MessageWriter()
    for byte in magic { writer.byte(byte) }
    writer.byte(version)
    writer.byte(kind)
    writer.number(envelope.epoch)
    writer.number(envelope.session)
    writer.number(envelope.sequence)
    return writer
  }

  private static func finished(_ writer: MessageWriter) -> [UInt8] {
    invariant(writer.bytes.count <= byteCountMax, "a message of \(writer.bytes.count) bytes")
    return writer.bytes
  }

  private static func readHead(
    _ byteCount: Int, _ reader: inout MessageReader
  ) throws(MessageError) -> (kind: UInt8, Envelope) {
    guard byteCount <= byteCountMax else { throw .tooLong(limit: byteCountMax, found: byteCount) }
    for byte in magic {
      guard try reader.byte("magic") == byte else { throw .foreign }
    }
    let found = try reader.byte("version")
    guard found == version else { throw .version(expected: version, found: found) }
    let kind = try reader.byte("kind")
    let envelope = try Envelope(
      epoch: reader.number(UInt64.self, "epoch"), session: reader.number(UInt64.self, "session"),
      sequence: reader.number(UInt64.self, "sequence"))
    return (kind, envelope)
  }
}
