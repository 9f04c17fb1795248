// `shardweld-bench plan`: milliseconds of each step from headers to the encoded plan.
import Adapters
import Checkpoints
import Planning
import Storage

enum PlanTiming {
  static let subcommand = Subcommand(name: "plan", usage: "plan BASE ADAPTER", run: run)

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    let paths = try words.take(2)
    try words.end()
    let base = try timed("open base") { try Checkpoint.open(paths[0]) }
    let adapter = try timed("open adapter") { try Adapter.open(paths[1]) }
    let plan = try timed("plan") {
      try Planner.plan(base, adapters: [(adapter, 1)], options: MergeOptions())
    }
    let encoded = timed("encode") { PlanCodec.encode(plan) }
    let largest = encoded.slices.max { $0.byteCount < $1.byteCount }
    let summary = timed("summarise") { PlanSummary(plan) }
    print(
      "\(summary.tensorCount) tensors, \(summary.changedCount) changed, \(summary.jobCount) jobs, "
        + "plan of \(encoded.bytes.count) bytes, largest slice \(largest?.byteCount ?? 0)")
    return 0
  }

  private static func timed<T>(_ name: String, _ work: () throws -> T) rethrows -> T {
    let clock = ContinuousClock()
    let start = clock.now
    let result = try work()
    print("\(name): \((clock.now - start) / .milliseconds(1)) ms")
    return result
  }
}
