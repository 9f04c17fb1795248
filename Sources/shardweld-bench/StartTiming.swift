// `shardweld-bench start`: what a run costs beside its bytes: `--version`, and the merge of a
// checkpoint of a few hundred kB by two workers, everything included.
import Storage

struct StartTiming {
  static let subcommand = Subcommand(
    name: "start", usage: "start MODEL --shardweld PROGRAM [--rounds N]", run: run)

  /// What a user does not notice.
  private static let versionMilliseconds = 20.0
  private static let mergeMilliseconds = 200.0

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    guard let program = words.text("shardweld") else { throw Words.Misused() }
    let rounds = Int(try words.number("rounds") ?? 20)
    let model = Path.absolute(try words.take(1)[0])
    try words.end()
    guard rounds > 0 else { throw Words.Misused() }

    let (output, log) = (Path.join(model, "output"), Path.join(model, "log"))
    var (versions, merges): ([Double], [Double]) = ([], [])
    for _ in 0..<rounds {
      versions.append(try ChildProcess.run([program, "--version"], log: log).milliseconds)
      try Folder.removeTree(output)
      merges.append(
        try ChildProcess.run(
          [
            program, "merge", "--base", Path.join(model, "base"), "--adapter",
            Path.join(model, "adapter-r16"), "--output", output, "--layout", "source",
            "--workers", "2", "--progress", "none",
          ], log: log
        ).milliseconds)
    }
    try Folder.removeTree(output)
    print("median of \(rounds)")
    print(line("--version", versions, goal: versionMilliseconds))
    print(line("tiny merge, 2 workers", merges, goal: mergeMilliseconds))
    return 0
  }

  /// `--version   6.7 ms, 4.4 … 15.2; goal 20`.
  private static func line(_ name: String, _ times: [Double], goal: Double) -> String {
    let times = times.sorted()
    let (median, low, high) = (RaceResults.median(times), times[0], times[times.count - 1])
    func tenths(_ milliseconds: Double) -> String { RaceTable.decimal(milliseconds, 1) }
    return "\(name)   \(tenths(median)) ms, \(tenths(low)) … \(tenths(high)); goal \(Int(goal)) ms"
      + (median <= goal ? "" : ", MISSED")
  }
}
