// Everything that can be wrong with a command line, as facts; `sentence` is the prose. None of
// these touches a file: the run ends with exit code 2 and nothing is written.
import Planning

/// Why a command line was not understood.
enum UsageError: Error, Equatable {
  /// The program was called bare.
  case noCommand
  case unknownCommand(String, nearest: String?)
  case unknownFlag(String, nearest: String?)
  /// A flag that takes a value stands last, or another flag follows it.
  case missingValue(flag: String, placeholder: String, next: String?)
  /// A switch was given a value, as in `--overwrite=yes`.
  case unexpectedValue(flag: String, value: String)
  case emptyValue(flag: String)
  /// A flag that may stand once stands twice.
  case repeated(flag: String, first: String, second: String)
  /// Flags and arguments that a command cannot do without, each with its placeholder.
  case missing(command: String, what: [String])
  /// A bare word that the command has no place for.
  case unexpectedArgument(command: String, word: String, nearest: String?)
  case unknownChoice(flag: String, value: String, choices: [String], nearest: String?)
  case badSize(flag: String, value: String)
  case badRate(flag: String, value: String)
  /// Less memory than a worker can do with, in bytes.
  case tooLittleMemory(flag: String, found: Int64, needed: Int64)
  case badCount(flag: String, value: String, range: ClosedRange<Int>)
  case badDuration(flag: String, value: String)
  case badPercent(flag: String, value: String)
  case badShare(flag: String, value: String)
  case badStrength(adapter: String, text: String)
  case badEndpoint(flag: String, value: String, example: String)
  /// A choice of modules that cannot be read.
  case badSelector(flag: String, String, SelectorFault)
  /// Two flags that exclude each other.
  case conflict(String, String)
  /// A flag that means nothing without another.
  case needs(flag: String, other: String)

  /// What is wrong, what was expected and found.
  var sentence: String {
    switch self {
    case .noCommand: "no command is given; say what to do, as in shardweld merge"
    case .unknownCommand(let word, let nearest): "unknown command \(word)" + Self.hint(nearest)
    case .unknownFlag(let flag, let nearest): "unknown flag \(flag)" + Self.hint(nearest)
    case .missingValue(let flag, let placeholder, let next):
      if let next {
        "flag \(flag) needs a value, but \(next) follows; write \(flag) \(placeholder)"
      } else {
        "flag \(flag) needs a value; write \(flag) \(placeholder)"
      }
    case .unexpectedValue(let flag, let value):
      "flag \(flag) takes no value, but \"\(value)\" is given; leave it out"
    case .emptyValue(let flag): "\(Self.subject(flag)) has an empty value"
    case .repeated(let flag, let first, let second):
      "flag \(flag) is given twice, as \"\(first)\" and as \"\(second)\"; give it once"
    case .missing(let command, let what): "\(command) needs \(Self.list(what, "and"))"
    case .unexpectedArgument(let command, let word, let nearest):
      "\(command) has no place for \"\(word)\"" + Self.hint(nearest)
    default: valueSentence
    }
  }

  /// The sentences about a value that does not fit its flag.
  private var valueSentence: String {
    switch self {
    case .unknownChoice(let flag, let value, let choices, let nearest):
      "\(Self.subject(flag)) is \(Self.list(choices, "or")), not \"\(value)\"" + Self.hint(nearest)
    case .badSize(let flag, let value):
      "\(Self.subject(flag)) is a size such as 256MB, 5GB, 1GiB or plain bytes, not \"\(value)\""
    case .badRate(let flag, let value):
      "\(Self.subject(flag)) is a rate such as 500MB/s, 2GB/s or 64MiB/s, not \"\(value)\""
    case .badCount(let flag, let value, let range):
      "\(Self.subject(flag)) is a whole number from \(range.lowerBound) to \(range.upperBound), "
        + "not \"\(value)\""
    case .badDuration(let flag, let value):
      "\(Self.subject(flag)) is a time such as 90s, 55m or 2h, not \"\(value)\""
    case .tooLittleMemory(let flag, let found, let needed):
      "\(Self.subject(flag)) is \(Amount.bytes(found)), but a worker needs \(Amount.bytes(needed))"
    case .badShare(let flag, let value):
      "\(Self.subject(flag)) is a number above 0 and up to 1, such as 0.5, not \"\(value)\""
    case .badPercent(let flag, let value):
      "\(Self.subject(flag)) is a percentage above 0 and up to 100, such as 5 or 0.5%, "
        + "not \"\(value)\""
    case .badStrength(let adapter, let text):
      "the strength of adapter \(adapter) is a number, as in \(adapter)=0.7, not \"\(text)\""
    case .badEndpoint(let flag, let value, let example):
      "\(Self.subject(flag)) is an address such as \(example), not \"\(value)\""
    case .badSelector(let flag, let value, let fault):
      "\(Self.subject(flag)) takes "
        + (flag == "--scale"
          ? "modules and a factor, such as layers.0-15=0.5 or 2:mlp=0.8"
          : "modules, such as layers.0-15 or 2:mlp") + ", but \"\(value)\" \(fault.sentence)"
    case .conflict(let one, let other): "\(one) and \(other) exclude each other; give one of them"
    case .needs(let flag, let other): "\(flag) means nothing without \(other); give both"
    default: ""
    }
  }

  /// `flag --base`, or an argument by its name alone.
  private static func subject(_ name: String) -> String {
    name.hasPrefix("-") ? "flag \(name)" : name
  }

  private static func hint(_ nearest: String?) -> String {
    if let nearest { "; did you mean \(nearest)?" } else { "" }
  }

  /// `a`, `a or b`, `a, b or c`.
  private static func list(_ words: [String], _ last: String) -> String {
    guard words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " \(last) " + words[words.count - 1]
  }
}
