// Measures the tool, for people who change it. One file per subcommand.
import Glibc

/// A subcommand: its words in, exit code out.
struct Subcommand: Sendable {
  let name: String
  let usage: String
  let run: @Sendable (Words) throws -> Int32
}

@main
struct Main {
  static let subcommands = [
    PlanScale.subcommand, MakeModel.subcommand, MergeRace.subcommand, MemoryTouch.subcommand,
    Simulate.subcommand, Soak.subcommand, Scheduler.subcommand, SchedulerWorker.subcommand,
    StartTiming.subcommand, KernelTiming.subcommand,
  ]

  static func main() {
    let words = Array(CommandLine.arguments.dropFirst())
    guard let subcommand = subcommands.first(where: { $0.name == words.first }) else {
      say("usage:")
      for subcommand in subcommands { say("  shardweld-bench \(subcommand.usage)") }
      exit(2)
    }
    do {
      exit(try subcommand.run(Words(Array(words.dropFirst()))))
    } catch is Words.Misused {
      say("usage: shardweld-bench \(subcommand.usage)")
      exit(2)
    } catch {
      say("shardweld-bench: \(error)")
      exit(1)
    }
  }

  static func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
  }
}
