// `shardweld-bench simulate`: whole clusters under many seeds; a failing one is printed with the
// command that tells its story again.
import Simulation

enum Simulate {
  static let subcommand = Subcommand(
    name: "simulate",
    usage: "simulate [--from SEED] [--count N] [--sabotage NAME] [--failures N] [--trace yes]\n"
      + "  shardweld-bench simulate --story SEED\n"
      + "  shardweld-bench simulate --blows yes [--part K --parts N]",
    run: run)

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    let from = try words.number("from") ?? 1
    let count = try words.number("count") ?? 1_000
    let sabotage = words.text("sabotage").flatMap { Sabotage(rawValue: $0) }
    let failedMax = try words.number("failures") ?? 1
    let tracing = words.text("trace") != nil
    let story = try words.number("story")
    let strikes = words.text("blows") != nil
    let part = try words.number("part") ?? 0
    let parts = try words.number("parts") ?? 1
    try words.end()
    if let story { return tell(story, sabotage) }
    if strikes { return strike(part: Int(part), of: Int(parts)) }
    let stage = Stage()
    let clock = ContinuousClock()
    let start = clock.now
    var counts = SimulationCounts()
    var checks = [Int](repeating: 0, count: 16)
    var steps = 0
    var failed = 0
    for seed in from..<(from + count) {
      let run = ClusterSimulation(seed: seed, sabotage: sabotage, stage: stage)
      let broken = run.run()
      counts.add(run.counts)
      for at in checks.indices { checks[at] += run.watch.checks[at] }
      steps += run.stepCount
      if tracing { print("\(seed) \(run.traceDigest)") }
      if let broken {
        print("seed \(seed): \(broken)")
        print("again: swift run -c release shardweld-bench simulate --story \(seed)")
        failed += 1
        if failed == failedMax { return 1 }
      }
    }
    let seconds = (clock.now - start) / .milliseconds(1) / 1000
    print(
      "\(count) seeds from \(from), \(steps) steps, \(seconds) s: "
        + (failed == 0 ? "nothing broken" : "\(failed) broken"))
    let numbers = checks.indices.dropFirst().map { "I\($0) \(checks[$0])" }
    print("checks: " + numbers.joined(separator: ", "))
    print("injected: " + counts.text)
    return failed == 0 ? 0 : 1
  }

  /// A merge of three shards, struck at every step and at every pair of steps, in every way.
  private static func strike(part: Int, of parts: Int) -> Int32 {
    let trial = StepTrial()
    for first in Blow.allCases {
      trial.strikeOnce(first)
      for second in Blow.allCases { trial.strikeTwice(first, second, part: part, of: parts) }
      print("\(first) and another: \(trial.runCount) runs, \(trial.breaches.count) broken")
    }
    for breach in trial.breaches { print(breach) }
    return trial.breaches.isEmpty ? 0 : 1
  }

  /// Tells a run line by line on standard error, so that a crash loses none.
  private static func tell(_ seed: UInt64, _ sabotage: Sabotage?) -> Int32 {
    let run = ClusterSimulation(
      seed: seed, sabotage: sabotage, stage: Stage(), teller: { Main.say(clean($0)) })
    let broken = run.run()
    print(broken ?? "nothing broken")
    return broken == nil ? 0 : 1
  }

  /// Without the names of modules and types, which say nothing here.
  private static func clean(_ line: String) -> String {
    var line = line
    for name in [
      "Coordination.", "CoordinatorMachine.", "Working.", "WorkerMachine.", "Messaging.",
      "Planning.", "Simulation.", "Directive.", "WorkerMessage.", "CoordinatorMessage.",
    ] { line = line.replacing(name, with: "") }
    return line
  }
}
