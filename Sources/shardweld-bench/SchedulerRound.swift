// One run of the real coordinator with jobs that take no time, on real workers in processes of
// their own, over CURVE.
import Coordination
import Glibc
import Messaging

/// How one run is made.
struct SchedulerRound {
  var workers: Int
  var jobs: Int
  /// `tcp` or `ipc`.
  var transport: String
  var readsBack: Bool

  /// What a run took.
  struct Figures {
    var jobsPerSecond: Double
    /// Of the coordinator's process, libzmq's thread included.
    var processMicroseconds: Double
    /// Of the thread that decides.
    var loopMicroseconds: Double
    /// Both ways.
    var messages: Double
  }

  func run() throws -> Figures {
    let stage = try SchedulerStage(transport: transport)
    let link = stage.link
    let disk = SchedulerDisk(jobCount: jobs) { link.messageCount }
    var options = CoordinatorShell.Options()
    options.readsBack = readsBack
    let shell = stage.shell(
      jobs: SchedulerStage.jobs(jobs, byteCount: InstantThread.byteCount), disk: disk,
      options: options)
    for _ in 0..<workers { try stage.start(["scheduler-worker", stage.endpoint, stage.keys]) }
    let outcome = shell.run()
    guard case .finished(let summary) = outcome, let first = disk.first, let last = disk.last else {
      throw ChildProcess.Failed(description: "the run did not finish: \(outcome)")
    }
    guard summary.retries == 0, summary.workersUsed == workers || jobs < 100 * workers else {
      throw ChildProcess.Failed(
        description: "\(summary.workersUsed) workers, \(summary.retries) retries")
    }
    try stage.finish()
    let count = Double(max(1, last.jobsDone - first.jobsDone))
    let cost = last.cost - first.cost
    return Figures(
      jobsPerSecond: count * 1_000_000 / Double(max(1, last.microseconds - first.microseconds)),
      processMicroseconds: Double(cost.processMicroseconds) / count,
      loopMicroseconds: Double(cost.threadMicroseconds) / count,
      messages: Double(last.messageCount - first.messageCount) / count)
  }
}
