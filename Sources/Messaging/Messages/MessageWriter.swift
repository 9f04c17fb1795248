// Puts fields into a message's bytes. What our own code hands over must fit (`invariant`); prose is
// cut and cleaned instead, because it may quote anything.
import Planning
import Storage

/// Appends little-endian fields.
struct MessageWriter {
  private(set) var bytes: [UInt8] = []

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  /// Appends an unsigned number of 4 or 8 bytes.
  mutating func number<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
    var rest = value
    for _ in 0..<(T.bitWidth / 8) {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  /// Appends a count of something small in four bytes.
  mutating func count(_ value: Int, _ field: StaticString) {
    invariant((0...Int(UInt32.max)).contains(value), "\(field) of \(value) in a message")
    number(UInt32(value))
  }

  /// Appends an offset or a size of a file in eight bytes.
  mutating func size(_ value: Int64, _ field: StaticString) {
    invariant(value >= 0, "\(field) of \(value) in a message")
    number(UInt64(value))
  }

  /// Appends a path: any text without NUL, within the limit of the kernel.
  mutating func path(_ text: String, _ field: StaticString) {
    let limit = MessageCodec.textByteCountMax
    invariant(text.utf8.count <= limit && !text.utf8.contains(0), "\(field) \(text) in a message")
    self.text(text)
  }

  /// Appends prose: control characters become spaces, and what is over the limit is cut off.
  mutating func prose(_ text: String) {
    var clean = String.UnicodeScalarView()
    var byteCount = 0
    for scalar in text.unicodeScalars {
      let kept: Unicode.Scalar = MessageCodec.isControl(scalar) ? " " : scalar
      byteCount += Unicode.UTF8.width(kept)
      if byteCount > MessageCodec.textByteCountMax { break }
      clean.append(kept)
    }
    self.text(String(clean))
  }

  mutating func attempt(_ attempt: AttemptID) {
    count(attempt.job, "job")
    number(attempt.epoch)
    count(attempt.attempt, "attempt")
  }

  mutating func task(_ task: TaskID) {
    byte(task.kind.rawValue)
    attempt(task.attempt)
  }

  mutating func tasks(_ tasks: [TaskID], _ field: StaticString) {
    let limit = MessageCodec.listCountMax
    invariant(tasks.count <= limit, "\(field) of \(tasks.count) in a message")
    count(tasks.count, field)
    for task in tasks { self.task(task) }
  }

  private mutating func text(_ text: String) {
    number(UInt32(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }
}
