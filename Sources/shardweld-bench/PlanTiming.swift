// `shardweld-bench plan BASE ADAPTER`: milliseconds of each step from headers to the written plan.
import Adapters
import Checkpoints
import Planning
import Storage

enum PlanTiming {
  /// Plans in this process, and writes the plan where a path is given for it.
  static func steps(_ basePath: String, _ adapterPath: String, writing path: String?) throws {
    let base = try timed("open base") { try Checkpoint.open(basePath) }
    let adapter = try timed("open adapter") { try Adapter.open(adapterPath) }
    let plan = try timed("plan") {
      try Planner.plan(base, adapters: [(adapter, 1)], options: MergeOptions())
    }
    let encoded = timed("encode") { PlanCodec.encode(plan) }
    if let path { try timed("write, flushed") { try WholeFile.write(encoded.bytes, to: path) } }
    let usage = Usage.now
    print(
      "\(RaceTable.seconds(usage.cpuSeconds * 1000)) of CPU, peak "
        + "\(usage.peakByteCount / 1_000_000) MB")
    let largest = encoded.slices.indices.max {
      encoded.slices[$0].byteCount < encoded.slices[$1].byteCount
    }!
    let summary = PlanSummary(plan)
    print(
      "\(summary.tensorCount) tensors, \(summary.changedCount) changed, \(summary.jobCount) jobs, "
        + "plan of \(encoded.bytes.count) bytes, largest slice "
        + "\(encoded.slices[largest].byteCount)")
    _ = try timed("a worker reads the largest slice") { try encoded.slice(largest) }
  }

  private static func timed<T>(_ name: String, _ work: () throws -> T) rethrows -> T {
    let clock = ContinuousClock()
    let start = clock.now
    let result = try work()
    print("\(name): \(Int((clock.now - start) / .microseconds(1))) µs")
    return result
  }
}
