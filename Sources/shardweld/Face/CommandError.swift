// Every failure of a command, with the exit code that it means. Modules say what went wrong; here
// it is only decided what kind of end that is.
import Adapters
import Checkpoints
import GGUF
import Ledger
import Merging
import Messaging
import OrderedJSON
import Planning
import Publishing
import Safetensors
import Storage
import TorchFiles

/// Why a command did not end well.
enum CommandError: Error, Equatable {
  /// `command` is nil where none was understood.
  case usage(UsageError, command: String?)
  /// A result or a file could not be written or read.
  case storage(StorageError)
  case checkpoint(CheckpointError)
  case safetensors(SafetensorsError)
  case gguf(GGUFError)
  case json(path: String, JSONError)
  case adapter(AdapterError)
  case planning(PlanningError)
  case plan(path: String, PlanError)
  case ledger(LedgerError)
  case merging(MergingError)
  case publishing(PublishingError)
  case messaging(MessagingError)
  /// Bad input in our own words: nothing was written.
  case refused(String)
  /// The merge failed; what is committed stays.
  case failed(String)
  /// Stopped before the end; the same command goes on.
  case stopped(String)
  /// A check found a difference.
  case different(String)
  /// Keys or network settings, in our own words.
  case configuration(String)

  var sentence: String {
    switch self {
    case .usage(let error, _): error.sentence
    case .storage(let error): error.sentence
    case .checkpoint(let error): error.sentence
    case .safetensors(let error): error.sentence
    case .gguf(let error): error.sentence
    case .json(let path, let error):
      "\(path) is not the JSON expected: \(error.sentence); mend it or fetch it again"
    case .adapter(let error): error.sentence
    case .planning(let error): error.sentence
    case .plan(let path, let error): "\(path): \(error.sentence)"
    case .ledger(let error): error.sentence
    case .merging(let error): error.sentence
    case .publishing(let error): error.sentence
    case .messaging(let error): error.sentence
    case .refused(let text), .failed(let text), .stopped(let text), .different(let text),
      .configuration(let text):
      text
    }
  }

  /// A file system that fails is no fault of the input; keys have a code of their own.
  var exitCode: ExitCode {
    switch self {
    case .storage(.noSpace): .again
    case .storage, .checkpoint(.storage), .checkpoint(.shard(.storage)),
      .checkpoint(.torchFile(.storage)), .safetensors(.storage), .gguf(.storage),
      .adapter(.storage), .adapter(.container(.storage)), .adapter(.torchFile(.storage)),
      .messaging(.storage):
      .failed
    case .usage, .checkpoint, .safetensors, .gguf, .json, .adapter, .planning, .refused: .badInput
    case .plan, .failed: .failed
    case .ledger(.running), .ledger(.planChanged), .ledger(.noJob): .badInput
    case .ledger(let error): error.isNoSpace ? .again : .failed
    case .merging(.stopped): .again
    case .merging(let error): error.noSpace ? .again : .failed
    case .publishing(.noManifest): .badInput
    case .publishing(let error) where error.isNoSpace: .again
    case .publishing(let error): error.isDifference ? .different : .failed
    case .messaging, .configuration: .configuration
    case .stopped: .again
    case .different: .different
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
