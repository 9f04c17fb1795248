// journal/000003.jsonl: one line for each thing that happened under the third coordinator.
//
//   {"time":1700000000000,"kind":"assigned","attempt":[12,3,1],"worker":"n1/77","text":""}
import OrderedJSON
package import Planning

/// A line of history for `status` and `explain`; nothing is decided by it.
package struct JournalEntry: Equatable, Sendable {
  /// Milliseconds since 1970; 0 until it is noted.
  package var time: Int64
  /// One word, e.g. `assigned`.
  package var kind: String
  package var attempt: AttemptID?
  /// `host/process`, or empty.
  package var worker: String
  /// A sentence, or empty.
  package var text: String

  package init(
    time: Int64 = 0, kind: String, attempt: AttemptID? = nil, worker: String = "",
    text: String = ""
  ) {
    self.time = time
    self.kind = kind
    self.attempt = attempt
    self.worker = worker
    self.text = text
  }

  /// One line with its end.
  package func encode() -> [UInt8] {
    var writer = JSONWriter(indent: nil)
    writer.object { writer in
      writer.member("time", time)
      writer.member("kind", kind)
      if let attempt {
        writer.key("attempt")
        attempt.write(to: &writer)
      }
      writer.member("worker", worker)
      writer.member("text", text)
    }
    return writer.bytes + [UInt8(ascii: "\n")]
  }

  /// Reads one line; nil for a torn or foreign one, which history does without.
  package static func decode(_ line: some Sequence<UInt8>) -> JournalEntry? {
    do throws(PlanError) {
      var reader = try JSONReader.of(Array(line))
      var entry = JournalEntry(kind: "")
      try reader.object { key, reader throws(PlanError) in
        switch key {
        case "time": entry.time = try reader.whole()
        case "kind": entry.kind = try reader.text()
        case "attempt": entry.attempt = try AttemptID.read(from: &reader)
        case "worker": entry.worker = try reader.text()
        case "text": entry.text = try reader.text()
        default: try reader.forget()
        }
      }
      return entry.kind.isEmpty ? nil : entry
    } catch {
      return nil
    }
  }
}
