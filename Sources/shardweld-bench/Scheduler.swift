// `shardweld-bench scheduler`: what handing out costs, over real sockets with CURVE, with jobs that
// take no time: the real coordinator's loop in this process, the real workers' loops in others, no
// disk. `--idle N` counts what N workers cost that have nothing to do; `--restart N` how soon the
// first job is handed out where N are committed.
import Coordination
import Glibc
import Ledger
import Messaging
import Planning
import Storage

struct Scheduler {
  static let subcommand = Subcommand(
    name: "scheduler",
    usage: "scheduler [--jobs 20000] [--workers 8] [--over tcp|ipc] [--reads-back yes]\n"
      + "  shardweld-bench scheduler --idle 1000 [--seconds 20]\n"
      + "  shardweld-bench scheduler --restart 10000",
    run: run)

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    let jobs = Int(try words.number("jobs") ?? 20_000)
    let workers = Int(try words.number("workers") ?? 8)
    let readsBack = words.text("reads-back") != nil
    let seconds = Int(try words.number("seconds") ?? 20)
    let over = words.text("over") ?? "tcp"
    let idle = try words.number("idle")
    let restart = try words.number("restart")
    try words.end()
    let bench = try SchedulerBench(over: over)
    defer { bench.remove() }
    if let idle { return try bench.idle(workers: Int(idle), seconds: seconds) }
    if let restart { return try bench.restart(committed: Int(restart)) }
    return try bench.race(
      (0..<jobs).map { SchedulerBench.job($0) }, workers: workers, readsBack: readsBack)
  }
}

/// Keys, a socket and worker processes for one measurement.
final class SchedulerBench {
  private let folder: String
  private var keys: String { folder + "/keys" }
  private let link: RouterLink
  private var children: [pid_t] = []

  init(over: String) throws {
    folder = "/tmp/shardweld-scheduler-\(getpid())"
    try Folder.createNew(folder, mode: 0o700)
    try KeyFolder.create(folder + "/keys", workers: ["bench"])
    let (pair, allowed) = try KeyFolder.coordinator(folder + "/keys")
    link = try RouterLink(
      endpoint: over == "ipc" ? "ipc://\(folder)/socket" : "tcp://127.0.0.1:*", keys: pair,
      allowList: allowed)
  }

  func remove() {
    for child in children { _ = kill(child, SIGKILL) }
    for child in children { _ = waitpid(child, nil, 0) }
    do throws(StorageError) { try Folder.removeTree(folder) } catch {}
  }

  // MARK: Measurements

  /// No-op jobs as fast as they go.
  func race(_ facts: [JobFacts], workers: Int, readsBack: Bool) throws -> Int32 {
    let jobs = facts.count
    let start = RaceClock()
    let shell = shell(
      facts, readsBack: readsBack, report: { start.see($0.jobsDone, of: jobs) })
    try spawn(processes: workers, links: 1)
    let before = Usage.now
    guard case .finished(let summary) = shell.run() else { return 1 }
    let used = Usage.now.cpuSeconds - before.cpuSeconds
    let way = link.endpoint.hasPrefix("ipc") ? "ipc" : "tcp"
    print(
      "scheduler: \(jobs) jobs, \(workers) workers over \(way), "
        + (readsBack ? "read back, " : "") + "\(start.rate) jobs/s in the middle four fifths; "
        + "coordinator \(Int(used * 1e6) / jobs) µs of CPU a job, peak "
        + "\(Usage.now.peakByteCount / 1_000_000) MB, \(summary.workersUsed) workers used")
    return 0
  }

  /// Workers that wait: none has the memory that any of ten thousand jobs needs.
  func idle(workers: Int, seconds: Int) throws -> Int32 {
    let processes = 4
    var began: (usage: Usage, time: ContinuousClock.Instant)?
    let clock = ContinuousClock()
    var shell: CoordinatorShell?
    var all = 0
    let jobs = (0..<10_000).map { Self.job($0, memory: .max) }
    let made = self.shell(jobs, readsBack: false) { snapshot in
      all = max(all, snapshot.workers)
      guard snapshot.workers >= workers else { return }
      guard let start = began else {
        // What joining costs is over a heartbeat later.
        began = (Usage.now, clock.now)
        return
      }
      if clock.now - start.time > .seconds(seconds) {
        shell?.stop(reason: "measured")
      }
    }
    shell = made
    try spawn(processes: processes, links: workers / processes)
    _ = made.run()
    shell = nil
    guard let began else { return 1 }
    let used = Usage.now.cpuSeconds - began.usage.cpuSeconds
    let passed = (clock.now - began.time) / .milliseconds(1) / 1000
    print(
      "scheduler: \(all) idle workers for \(Int(passed)) s; coordinator "
        + "\(Int(used / passed * 10_000)) hundredths of a percent of a core, peak "
        + "\(Usage.now.peakByteCount / 1_000_000) MB")
    return 0
  }

  /// From opening a job's folder to the first job handed out.
  func restart(committed: Int) throws -> Int32 {
    let scene = try RestartScene(folder: folder, committed: committed, left: 10)
    try spawn(processes: 1, links: 1)
    Host.pause(milliseconds: 500)  // it knocks already
    let clock = ContinuousClock()
    let start = clock.now
    let (facts, ledger) = try scene.open()
    let opened = clock.now
    var first: ContinuousClock.Instant?
    var shell: CoordinatorShell?
    let made = CoordinatorShell(
      jobs: facts, folder: ledger.folder, epoch: ledger.epoch, planDigest: scene.planDigest,
      disk: InstantDisk(), link: link, signals: nil, options: options(readsBack: false),
      report: { _ in },
      remark: { remark in
        guard case .note(let note) = remark, note.kind == .assigned, first == nil else { return }
        first = clock.now
        shell?.stop(reason: "measured")
      })
    shell = made
    _ = made.run()
    shell = nil
    guard let first else { return 1 }
    print(
      "scheduler: \(committed) jobs committed: folder taken up in "
        + "\(Int((opened - start) / .milliseconds(1))) ms, first job handed out after "
        + "\(Int((first - start) / .milliseconds(1))) ms, peak "
        + "\(Usage.now.peakByteCount / 1_000_000) MB")
    return 0
  }

  // MARK: Parts

  private func options(readsBack: Bool) -> CoordinatorShell.Options {
    var options = CoordinatorShell.Options()
    options.readsBack = readsBack
    return options
  }

  private func shell(
    _ jobs: [JobFacts], readsBack: Bool, report: @escaping (ProgressSnapshot) -> Void
  ) -> CoordinatorShell {
    CoordinatorShell(
      jobs: jobs, folder: JobFolder(path: folder), epoch: 1, planDigest: "xxh3:none",
      disk: InstantDisk(), link: link, signals: nil, options: options(readsBack: readsBack),
      report: report)
  }

  /// What each job's shard has, as the workers say.
  static let byteCount: Int64 = 1000

  static func job(_ id: Int, memory: Int64 = 0) -> JobFacts {
    JobFacts(
      id: id, shardName: "model-\(id).safetensors", byteCount: byteCount, memoryByteCount: memory,
      slice: PlanSlice(offset: 0, byteCount: 1, digest: "xxh3:none"))
  }

  /// Starts processes of this program that work, each over so many links.
  private func spawn(processes: Int, links: Int) throws {
    for _ in 0..<processes {
      children.append(
        try ChildProcess.spawn(
          [
            ChildProcess.ownProgram, "scheduler-worker", "--connect",
            link.localEndpoint, "--keys", keys, "--links", "\(links)",
          ], log: folder + "/log"))
    }
  }
}

/// Takes the time of the middle four fifths of a race.
private final class RaceClock {
  private let clock = ContinuousClock()
  private var first: (done: Int, time: ContinuousClock.Instant)?
  private var last: (done: Int, time: ContinuousClock.Instant)?

  func see(_ done: Int, of all: Int) {
    guard done >= all / 10, done <= all * 9 / 10 else { return }
    if first == nil { first = (done, clock.now) }
    last = (done, clock.now)
  }

  var rate: Int {
    guard let first, let last, last.done > first.done else { return 0 }
    return Int(Double(last.done - first.done) / ((last.time - first.time) / .seconds(1)))
  }
}
