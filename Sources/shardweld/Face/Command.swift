// All commands by name, and from the words of a command line to one of them.
import Planning
import Storage

/// A command of the tool; the order is that of the help.
enum Command: String, CaseIterable, Sendable {
  case merge, coordinator, worker, plan, verify, report, status, explain, inspect, diff, keygen
  case completions

  var outline: CommandOutline { flags.outline }

  /// What the words after the command's name are read into.
  fileprivate var flags: any CommandFlags.Type {
    switch self {
    case .merge: MergeFlags.self
    case .coordinator: CoordinatorFlags.self
    case .worker: WorkerFlags.self
    case .plan: PlanFlags.self
    case .verify: VerifyFlags.self
    case .report: ReportFlags.self
    case .status: StatusFlags.self
    case .explain: ExplainFlags.self
    case .inspect: InspectFlags.self
    case .diff: DiffFlags.self
    case .keygen: KeygenFlags.self
    case .completions: CompletionsFlags.self
    }
  }

  static var outlines: [CommandOutline] { allCases.map(\.outline) }

  /// Parses the words after the command's name and runs it, or prints its help.
  func run(_ words: [String]) throws(CommandError) -> ExitCode {
    switch self {
    case .merge: try start(words, MergeCommand.run)
    case .coordinator: try start(words, CoordinatorCommand.run)
    case .worker: try start(words, WorkerCommand.run)
    case .plan: try start(words, PlanCommand.run)
    case .verify: try start(words, VerifyCommand.run)
    case .report: try start(words, ReportCommand.run)
    case .status: try start(words, StatusCommand.run)
    case .explain: try start(words, ExplainCommand.run)
    case .inspect: try start(words, InspectCommand.run)
    case .diff: try start(words, DiffCommand.run)
    case .keygen: try start(words, KeygenCommand.run)
    case .completions: try start(words, CompletionsCommand.run)
    }
  }

  private func start<F: CommandFlags>(
    _ words: [String], _ body: (F) throws(CommandError) -> ExitCode
  ) throws(CommandError) -> ExitCode {
    let request: Request<F>
    do throws(UsageError) {
      request = try F.declaration.parse(words)
    } catch {
      throw .usage(error, command: rawValue)
    }
    switch request {
    case .run(let flags): return try body(flags)
    case .help: return try CommandLineFace.show(HelpText.page(outline))
    }
  }
}

extension CommandFlags {
  fileprivate static var outline: CommandOutline { declaration.outline }

  /// Reads the words as a run does.
  fileprivate static func check(_ words: [String]) throws(UsageError) {
    _ = try declaration.parse(words)
  }
}

/// The whole command line: which command, help or version is asked for.
package enum CommandLineFace {
  /// What the words after the program's name ask for.
  enum Choice: Equatable, Sendable {
    case overview
    case version
    case help(Command)
    case run(Command, [String])
  }

  static func choose(_ words: [String]) throws(UsageError) -> Choice {
    guard let first = words.first else { throw .noCommand }
    switch first {
    case "--help", "-h": return .overview
    case "--version": return .version
    case "help":
      guard words.count > 1, !["--help", "-h"].contains(words[1]) else { return .overview }
      guard words.count == 2 else {
        throw .unexpectedArgument(command: "help", word: words[2], nearest: nil)
      }
      return .help(try command(words[1]))
    default:
      guard first.hasPrefix("-") else { return .run(try command(first), Array(words.dropFirst())) }
      let nearest = Nearest.match(first, among: ["--help", "--version"])
      throw .unknownFlag(first, nearest: nearest)
    }
  }

  /// Why the words are not understood, nil where they are. Runs nothing.
  package static func fault(in words: [String]) -> String? {
    do throws(UsageError) {
      if case .run(let command, let rest) = try choose(words) { try command.flags.check(rest) }
      return nil
    } catch { return error.sentence }
  }

  /// Runs what the words ask for; a failure is one sentence on standard error.
  static func run(_ words: [String]) -> ExitCode {
    do throws(CommandError) {
      let choice: Choice
      do throws(UsageError) { choice = try choose(words) } catch {
        throw CommandError.usage(error, command: nil)
      }
      switch choice {
      case .overview: return try show(HelpText.overview(Command.outlines))
      case .version: return try show(Version.tool + "\n")
      case .help(let command): return try show(HelpText.page(command.outline))
      case .run(let command, let rest): return try command.run(rest)
      }
    } catch {
      for line in error.lines { StandardError.shared.line(line) }
      return error.exitCode
    }
  }

  /// Prints a result.
  static func show(_ text: String) throws(CommandError) -> ExitCode {
    do throws(StorageError) { try StandardOutput.write(text) } catch { throw .storage(error) }
    return .done
  }

  private static func command(_ word: String) throws(UsageError) -> Command {
    if let command = Command(rawValue: word) { return command }
    let names = Command.allCases.map(\.rawValue) + ["help"]
    throw .unknownCommand(word, nearest: Nearest.match(word, among: names))
  }
}
