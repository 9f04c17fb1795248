// `shardweld-bench simulate`: whole clusters under many seeds, on all cores; a failing seed is
// printed with the command that tells its story again.
import Dispatch
import Glibc
import Simulation
import Synchronization

enum Simulate {
  static let subcommand = Subcommand(
    name: "simulate",
    usage: "simulate [--from SEED] [--count N] [--sabotage NAME] [--failures N]\n"
      + "  shardweld-bench simulate --trace yes [--from SEED] [--count N]\n"
      + "  shardweld-bench simulate --story SEED [--sabotage NAME]\n"
      + "  shardweld-bench simulate --blows yes",
    run: run)

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    let from = try words.number("from") ?? 1
    let count = try words.number("count") ?? 1_000
    let sabotage = words.text("sabotage").flatMap { Sabotage(rawValue: $0) }
    let failuresMax = Int(try words.number("failures") ?? 1)
    let traces = words.text("trace") != nil
    let story = try words.number("story")
    let strikes = words.text("blows") != nil
    try words.end()
    if let story { return tell(story, sabotage) }
    if traces { return trace(from..<from + count) }
    if strikes { return strike() }
    return conduct(from..<from + count, sabotage, failuresMax: failuresMax)
  }

  private static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  private static func conduct(
    _ seeds: Range<UInt64>, _ sabotage: Sabotage?, failuresMax: Int
  ) -> Int32 {
    let clock = ContinuousClock()
    let start = clock.now
    let total = Mutex(SimulationTotal())
    let threads = cores
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      let stage = Stage()
      var own = SimulationTotal()
      for seed in seeds where seed % UInt64(threads) == UInt64(thread) {
        let run = ClusterSimulation(seed: seed, sabotage: sabotage, stage: stage)
        let broken = run.run()
        own.add(run)
        guard let broken else { continue }
        print("seed \(seed): \(broken)")
        print("again: swift run -c release shardweld-bench simulate --story \(seed)")
        let failures = total.withLock { total in
          total.failures += 1
          return total.failures
        }
        if failures >= failuresMax { break }
      }
      total.withLock { $0.add(own) }
    }
    let seconds = (clock.now - start) / .milliseconds(1) / 1000
    let sum = total.withLock { $0 }
    print("seeds \(sum.runs) from \(seeds.lowerBound), broken \(sum.failures), \(seconds) s")
    print("steps \(sum.steps)")
    print("checks \(sum.checksText)")
    print("injected " + sum.counts.text)
    return sum.failures == 0 ? 0 : 1
  }

  /// Prints what tells runs apart: equal in every process.
  private static func trace(_ seeds: Range<UInt64>) -> Int32 {
    let stage = Stage()
    for seed in seeds {
      let run = ClusterSimulation(seed: seed, stage: stage)
      let broken = run.run()
      print("\(seed) \(String(run.traceDigest, radix: 16)) \(broken ?? "")")
    }
    return 0
  }

  /// A merge of three shards, struck at every step and at every pair of steps, in every way.
  private static func strike() -> Int32 {
    let breaches = Mutex<[String]>([])
    let runs = Mutex(0)
    let threads = cores
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      let trial = StepTrial()
      for first in Blow.allCases {
        if thread == 0 { trial.strikeOnce(first) }
        for second in Blow.allCases {
          trial.strikeTwice(first, second, part: thread, of: threads)
        }
      }
      breaches.withLock { $0 += trial.breaches }
      runs.withLock { $0 += trial.runCount }
    }
    for breach in breaches.withLock({ $0 }) { print(breach) }
    let count = breaches.withLock { $0.count }
    print("blows \(runs.withLock { $0 }) runs, broken \(count)")
    return count == 0 ? 0 : 1
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

/// What many runs came to.
private struct SimulationTotal: Sendable {
  var runs = 0
  var failures = 0
  var steps = 0
  var checks = [Int](repeating: 0, count: 16)
  var counts = SimulationCounts()

  var checksText: String {
    checks.indices.dropFirst().filter { checks[$0] > 0 }.map { "I\($0) \(checks[$0])" }
      .joined(separator: ", ")
  }

  mutating func add(_ run: ClusterSimulation) {
    runs += 1
    steps += run.stepCount
    counts.add(run.counts)
    for at in checks.indices { checks[at] += run.watch.checks[at] }
  }

  mutating func add(_ other: SimulationTotal) {
    runs += other.runs
    steps += other.steps
    counts.add(other.counts)
    for at in checks.indices { checks[at] += other.checks[at] }
  }
}
