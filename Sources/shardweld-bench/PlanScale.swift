// `shardweld-bench plan`: what planning costs. With one folder, at the largest scale that is
// thought of: a sparse checkpoint of a trillion parameters and an adapter for it are made there and
// planned by the real program, and the plan's jobs are handed out by the real coordinator.
// Goals stand beside the figures.
import Adapters
import Checkpoints
import Coordination
import Glibc
import Planning
import Storage

struct PlanScale {
  static let subcommand = Subcommand(
    name: "plan",
    usage: "plan DIR [--shardweld PROGRAM] [--targets some|all] [--merge-largest yes]\n"
      + "  shardweld-bench plan BASE ADAPTER [--write FILE]",
    run: run)

  private static let rank = 16
  private static let rounds = 3
  private static let handOutCount = 10_000

  private let folder: String
  private let program: String
  private let base: String
  private let adapter: String

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    let shardweld = words.text("shardweld")
    let targets = MixtureShape.Targets(rawValue: words.text("targets") ?? "some")
    let mergesLargest = words.text("merge-largest") != nil
    let plan = words.text("write")
    let places = words.takeAll()
    try words.end()
    if places.count == 2 {
      try PlanTiming.steps(places[0], places[1], writing: plan)
      return 0
    }
    guard places.count == 1, let targets else { throw Words.Misused() }
    let scale = try PlanScale(Path.absolute(places[0]), shardweld, targets)
    try scale.make(targets)
    for step in [scale.timeProgram, scale.timeSteps, scale.handOut] {
      try step()
      _ = fflush(nil)  // the largest tensor takes minutes
    }
    if mergesLargest { try LargestMerge.run(scale.program, in: scale.folder) }
    return 0
  }

  private init(
    _ folder: String, _ program: String?, _ targets: MixtureShape.Targets
  ) throws {
    self.folder = folder
    self.program =
      program ?? Path.join(Path.parent(ChildProcess.ownProgram), "shardweld")
    base = Path.join(folder, "base")
    adapter = Path.join(folder, "adapter-\(targets.rawValue)")
  }

  /// Makes what is not there yet; a few minutes' work is not done twice.
  private func make(_ targets: MixtureShape.Targets) throws {
    let shape = MixtureShape.trillion
    try once(base) { part in
      try ModelFolder.makeBase(
        ModelShape.cut(shape.base, shardByteCount: shape.shardByteCount), config: shape.config,
        in: part, SparseFolder.write)
    }
    try once(adapter) { part in
      try ModelFolder.makeAdapter(
        shape.adapter(rank: Self.rank, targets), config: shape.adapterConfig(rank: Self.rank),
        in: part, SparseFolder.write)
    }
  }

  /// A folder gets its name when it is whole.
  private func once(_ path: String, _ make: (String) throws -> Void) throws {
    if try FileStatus.of(path) != nil { return }
    try Folder.removeTree(path + ".part")
    try make(path + ".part")
    try Folder.move(from: path + ".part", to: path)
  }

  // MARK: Measurements

  /// The program's own `plan`: everything before the first job but the writing of the plan.
  private func timeProgram() throws {
    for _ in 0..<Self.rounds {
      let before = Usage.childCPUSeconds
      let run = try ChildProcess.run(
        [program, "plan", "--base", base, "--adapter", adapter], log: Path.join(folder, "log"))
      print(
        "shardweld plan: \(RaceTable.seconds(run.milliseconds)), "
          + "\(RaceTable.seconds((Usage.childCPUSeconds - before) * 1000)) of CPU, peak "
          + "\(run.peakByteCount / 1_000_000) MB (goals: 3 s, 500 MB)")
    }
  }

  /// The same step by step, with the plan written, in a process of its own for its memory's sake.
  private func timeSteps() throws {
    let log = Path.join(folder, "log")
    let run = try ChildProcess.run(
      [
        ChildProcess.ownProgram, "plan", base, adapter, "--write",
        Path.join(folder, "plan.json"),
      ], log: log)
    print("step by step: \(RaceTable.seconds(run.milliseconds)) (goals: 3 s, 500 MB)")
    for line in String(decoding: try WholeFile.read(log), as: UTF8.self).split(separator: "\n") {
      print("  \(line)")
    }
  }

  /// The plan's jobs, handed out to workers that are done with each at once; often enough to time.
  private func handOut() throws {
    let base = try Checkpoint.open(base)
    let plan = try Planner.plan(
      base, adapters: [(try Adapter.open(adapter), 1)], options: MergeOptions())
    let slices = PlanCodec.encode(plan).slices
    let jobs = (0..<Self.handOutCount).map { id in
      let job = plan.jobs[id % plan.jobs.count]
      // The size that the workers of this bench report.
      return JobFacts(
        id: id, shardName: job.shardName, byteCount: SchedulerBench.byteCount,
        slice: slices[job.id])
    }
    let bench = try SchedulerBench(over: "tcp")
    defer { bench.remove() }
    print("handing its jobs out again and again (goal: 1000 µs a job):")
    _ = try bench.race(jobs, workers: 8, readsBack: false)
  }
}
