// Times one stage on real inputs, for people who change it:
//   shardweld-bench plan BASE ADAPTER
// prints milliseconds of each step from headers to the encoded plan.
import Adapters
import Checkpoints
import Planning
import Storage

@main
struct Main {
  static func main() throws {
    let words = Array(CommandLine.arguments.dropFirst())
    guard words.count == 3, words[0] == "plan" else {
      print("usage: shardweld-bench plan BASE ADAPTER")
      return
    }
    let base = try timed("open base") { try Checkpoint.open(words[1]) }
    let adapter = try timed("open adapter") { try Adapter.open(words[2]) }
    let plan = try timed("plan") {
      try Planner.plan(base, adapters: [(adapter, 1)], options: MergeOptions())
    }
    let encoded = timed("encode") { PlanCodec.encode(plan) }
    let largest = encoded.slices.max { $0.byteCount < $1.byteCount }
    let summary = timed("summarise") { PlanSummary(plan) }
    print(
      "\(summary.tensorCount) tensors, \(summary.changedCount) changed, \(summary.jobCount) jobs, "
        + "plan of \(encoded.bytes.count) bytes, largest slice \(largest?.byteCount ?? 0)")
  }

  private static func timed<T>(_ name: String, _ work: () throws -> T) rethrows -> T {
    let clock = ContinuousClock()
    let start = clock.now
    let result = try work()
    let passed = clock.now - start
    print(
      "\(name): \(passed.components.seconds * 1000 + passed.components.attoseconds / 1_000_000_000_000_000) ms"
    )
    return result
  }
}
