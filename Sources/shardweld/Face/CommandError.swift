// Every failure of a command, with the exit code that it means. Modules say what went wrong; here it
// is only decided what kind of end that is.
import Checkpoints
import Messaging
import OrderedJSON
import Safetensors
import Storage

/// Why a command did not end well.
enum CommandError: Error, Equatable {
  /// `command` is nil where none was understood.
  case usage(UsageError, command: String?)
  /// A result or a file could not be written or read.
  case storage(StorageError)
  case checkpoint(CheckpointError)
  case safetensors(SafetensorsError)
  case json(path: String, JSONError)
  case messaging(MessagingError)

  var sentence: String {
    switch self {
    case .usage(let error, _): error.sentence
    case .storage(let error): error.sentence
    case .checkpoint(let error): error.sentence
    case .safetensors(let error): error.sentence
    case .json(let path, let error):
      "\(path) is not the JSON expected: \(error.sentence); mend it or fetch it again"
    case .messaging(let error): error.sentence
    }
  }

  /// A file system that fails is no fault of the input; keys have a code of their own.
  var exitCode: ExitCode {
    switch self {
    case .storage, .checkpoint(.storage), .checkpoint(.shard(.storage)), .safetensors(.storage),
      .messaging(.storage):
      .failed
    case .usage, .checkpoint, .safetensors, .json: .badInput
    case .messaging: .configuration
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
