// A command as declared: purpose, flags, arguments, examples; and the parser that fills its struct.
//
//   shardweld COMMAND [--flag value | --flag=value | --switch | argument]… [-- argument…]
import Planning

/// The parsed flags of one command: a struct of typed values that starts with the defaults.
protocol CommandFlags: Sendable {
  init()
  static var declaration: Declaration<Self> { get }
}

/// What a command line asks of a command.
enum Request<Flags> {
  case help
  case run(Flags)
}

extension Request: Equatable where Flags: Equatable {}

/// What help and completions know of a command.
struct CommandOutline: Equatable, Sendable {
  struct Group: Equatable, Sendable {
    var title: String
    var flags: [FlagOutline]
  }

  struct Example: Equatable, Sendable {
    /// What follows `shardweld`, one line of the terminal each.
    var lines: [String]
    var meaning: String
  }

  var name: String
  /// One line for the list of commands.
  var summary: String
  /// One paragraph.
  var purpose: String
  var arguments: [ArgumentOutline]
  var groups: [Group]
  var examples: [Example]
  var exitCodes: [ExitCode]

  var flags: [FlagOutline] { groups.flatMap(\.flags) }
}

/// A command's declaration.
struct Declaration<Flags: CommandFlags>: Sendable {
  var outline: CommandOutline
  private let flags: [Flag<Flags>]
  private let arguments: [Argument<Flags>]
  private let check: @Sendable (Flags) throws(UsageError) -> Void

  /// `check` looks at flags that depend on each other, once all are read.
  init(
    _ name: String, summary: String, purpose: String, arguments: [Argument<Flags>] = [],
    groups: [FlagGroup<Flags>], examples: [CommandOutline.Example], exitCodes: [ExitCode],
    check: @escaping @Sendable (Flags) throws(UsageError) -> Void = { _ throws(UsageError) in }
  ) {
    flags = groups.flatMap(\.flags)
    self.arguments = arguments
    self.check = check
    outline = CommandOutline(
      name: name, summary: summary, purpose: purpose, arguments: arguments.map(\.outline),
      groups: groups.map { .init(title: $0.title, flags: $0.flags.map(\.outline)) },
      examples: examples, exitCodes: exitCodes)
  }

  /// Reads the words after the command's name. `--help` or `-h` before a `--` wins over everything.
  func parse(_ words: [String]) throws(UsageError) -> Request<Flags> {
    let beforeDashes = words.prefix { $0 != "--" }
    if beforeDashes.contains("--help") || beforeDashes.contains("-h") { return .help }
    var result = Flags()
    var given: [String: String] = [:]
    var bare: [String] = []
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        bare += rest
        break
      }
      guard word.hasPrefix("-"), word != "-" else {
        bare.append(word)
        continue
      }
      try take(word, &rest, into: &result, given: &given)
    }
    try take(bare, into: &result, given: Set(given.keys))
    try check(result)
    return .run(result)
  }

  /// Reads one flag and, where it has one, its value from the words that follow.
  private func take(
    _ word: String, _ rest: inout ArraySlice<String>, into result: inout Flags,
    given: inout [String: String]
  ) throws(UsageError) {
    let equals = word.firstIndex(of: "=")
    let name = String(word[..<(equals ?? word.endIndex)])
    guard let flag = flags.first(where: { $0.outline.name == name }) else {
      let known = flags.map(\.outline.name) + ["--help"]
      throw .unknownFlag(name, nearest: Nearest.match(name, among: known))
    }
    let inline = equals.map { String(word[word.index(after: $0)...]) }
    guard let placeholder = flag.outline.placeholder else {
      if let inline { throw .unexpectedValue(flag: name, value: inline) }
      try flag.fill("", &result)
      return
    }
    let value: String
    if let inline {
      value = inline
    } else {
      guard let next = rest.popFirst() else {
        throw .missingValue(flag: name, placeholder: placeholder, next: nil)
      }
      guard !next.hasPrefix("--") else {
        throw .missingValue(flag: name, placeholder: placeholder, next: next)
      }
      value = next
    }
    if let first = given[name], !flag.outline.isRepeated {
      throw .repeated(flag: name, first: first, second: value)
    }
    given[name] = value
    try flag.fill(value, &result)
  }

  /// Puts the bare words in their places and refuses what is missing.
  private func take(
    _ bare: [String], into result: inout Flags, given: Set<String>
  ) throws(UsageError) {
    if bare.count > arguments.count {
      let word = bare[arguments.count]
      throw .unexpectedArgument(
        command: outline.name, word: word,
        nearest: flags.map(\.outline.name).first { $0 == "--" + word })
    }
    let missing =
      arguments[bare.count...].map(\.outline.name)
      + flags.filter { $0.outline.isRequired && !given.contains($0.outline.name) }
      .map(\.outline.usage)
    guard missing.isEmpty else { throw .missing(command: outline.name, what: missing) }
    for (argument, word) in zip(arguments, bare) { try argument.fill(word, &result) }
  }
}
