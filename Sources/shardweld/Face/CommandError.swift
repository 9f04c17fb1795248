// Every failure of a command, with the exit code that it means. Modules say what went wrong; here it
// is only decided what kind of end that is.
import Storage

/// Why a command did not end well.
enum CommandError: Error, Equatable {
  /// `command` is nil where none was understood.
  case usage(UsageError, command: String?)
  /// A result or a file could not be written or read.
  case storage(StorageError)

  var sentence: String {
    switch self {
    case .usage(let error, _): error.sentence
    case .storage(let error): error.sentence
    }
  }

  var exitCode: ExitCode {
    switch self {
    case .usage: .badInput
    case .storage: .failed
    }
  }

  /// What is printed on standard error.
  var lines: [String] {
    var lines = ["shardweld: " + sentence]
    if case .usage(_, let command) = self {
      lines.append("See shardweld \(command.map { $0 + " " } ?? "")--help.")
    }
    return lines
  }
}
