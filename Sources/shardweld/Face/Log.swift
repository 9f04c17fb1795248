// The log: lines on standard error, for people or, beside JSON progress, for programs.
import OrderedJSON

/// How much of the log is written.
enum LogLevel: String, CaseIterable, Comparable, Sendable {
  case error, warning, info, debug

  static func < (a: LogLevel, b: LogLevel) -> Bool { a.rank < b.rank }
  private var rank: Int { Self.allCases.firstIndex(of: self)! }
}

/// Writes lines of at most one level of detail.
struct Log: Sendable {
  var level: LogLevel = .info
  /// One JSON object a line instead of text.
  var isJSON = false

  func error(_ message: String) { write(.error, message) }
  func warning(_ message: String) { write(.warning, message) }
  func info(_ message: String) { write(.info, message) }
  func debug(_ message: String) { write(.debug, message) }

  private func write(_ level: LogLevel, _ message: String) {
    guard level <= self.level else { return }
    StandardError.shared.line(Self.line(level, message, isJSON: isJSON))
  }

  /// The line of a message; newlines in it become spaces, so that a line stays one.
  static func line(_ level: LogLevel, _ message: String, isJSON: Bool) -> String {
    let message = String(message.map { $0.isNewline ? " " : $0 })
    if isJSON {
      return JSON.object([
        .init(key: "level", value: .string(level.rawValue)),
        .init(key: "message", value: .string(message)),
      ]).compact
    }
    return switch level {
    case .error, .info: "shardweld: \(message)"
    case .warning, .debug: "shardweld: \(level.rawValue): \(message)"
    }
  }
}
