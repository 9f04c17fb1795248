// A prelude as the JSON described in PlanCodec.swift.
package import OrderedJSON
import Storage

extension PlanCodec {
  static func write(_ prelude: Prelude, to writer: inout JSONWriter) {
    writer.key("prelude")
    writer.object { writer in
      writer.member("digest", prelude.digest)
      writer.member("alignment", prelude.alignment)
      writer.key("pieces")
      writer.array { writer in
        for piece in prelude.pieces {
          switch piece {
          case .bytes(let bytes): writer.string(Hexadecimal.text(bytes))
          case .input(let file, let offset, let byteCount):
            writer.array {
              $0.integer(file)
              $0.integer(offset)
              $0.integer(byteCount)
            }
          case .zeros(let byteCount): writer.integer(byteCount)
          }
        }
      }
    }
  }

  static func readPrelude(_ reader: inout JSONReader) throws(PlanError) -> Prelude {
    var prelude = Prelude(pieces: [], digest: "", alignment: 0)
    var missing = RequiredMembers(["digest", "alignment", "pieces"])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "digest": prelude.digest = try reader.digest(key)
      case "alignment":
        prelude.alignment = try reader.alignment(key)
      case "pieces":
        prelude.pieces = try reader.list { r throws(PlanError) in try piece(try r.tree()) }
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    return prelude
  }

  private static func piece(_ json: JSON) throws(PlanError) -> Prelude.Piece {
    if let bytes = json.text.flatMap(Hexadecimal.bytes) { return .bytes(bytes) }
    if let byteCount = json.int, byteCount >= 0 { return .zeros(Int64(byteCount)) }
    let numbers = (json.elements ?? []).compactMap(\.int)
    guard numbers.count == 3, json.elements?.count == 3, numbers.allSatisfy({ $0 >= 0 }),
      !numbers[1].addingReportingOverflow(numbers[2]).overflow
    else { throw .invalid(member: "pieces", found: json.compact) }
    return .input(file: numbers[0], offset: Int64(numbers[1]), byteCount: Int64(numbers[2]))
  }
}

extension MergeJob {
  /// Refuses a prelude that is not as long as the job says, or longer than the file.
  func checkPrelude() throws(PlanError) {
    guard let prelude else { return }
    var rest = headerByteCount
    for piece in prelude.pieces where rest >= 0 { rest -= piece.byteCount }
    guard rest == 0, headerByteCount <= byteCount else {
      throw .invalid(member: "headerByteCount", found: "\(headerByteCount)")
    }
  }
}

extension JSONReader {
  /// A power of two that files are laid by.
  package mutating func alignment(_ member: String) throws(PlanError) -> Int64 {
    let value = try size(member)
    guard (1...1 << 31).contains(value), value & (value - 1) == 0 else {
      throw .invalid(member: member, found: "\(value)")
    }
    return value
  }
}
