// `shardweld-bench scheduler --idle N`: a crowd on one coordinator. Ten of the workers merge, all
// speak their heartbeats; the coordinator is this process, the workers are others.
import CLinux
import Coordination
import Glibc
import Messaging

/// Memory and processor time of a coordinator whose workers do nothing new.
struct SchedulerIdle {
  var workers: Int
  var seconds: Int
  /// Workers that have something to do.
  var busyCount = 10

  /// Where the clocks stood when all had come, and at the end.
  private final class Marks {
    var joined: (microseconds: Int64, cost: ProcessCost, messageCount: Int)?
    var left: (microseconds: Int64, cost: ProcessCost, messageCount: Int)?
  }

  func run() throws -> Int32 {
    let signals = SignalSource()
    let stage = try SchedulerStage(transport: "tcp")
    let link = stage.link
    let disk = SchedulerDisk(jobCount: busyCount) { link.messageCount }
    let marks = Marks()
    let begun = ProcessCost.clockMicroseconds
    let length = Int64(seconds) * 1_000_000
    let shell = stage.shell(
      jobs: SchedulerStage.jobs(busyCount, byteCount: 1 << 40), disk: disk, signals: signals,
      report: { snapshot in
        let now = ProcessCost.clockMicroseconds
        if marks.joined == nil, snapshot.workers == workers {
          marks.joined = (now, .now, link.messageCount)
        } else if let joined = marks.joined, marks.left == nil, now - joined.microseconds > length {
          marks.left = (now, .now, link.messageCount)
          _ = kill(getpid(), SIGTERM)
        }
      })
    var left = workers
    while left > 0 {
      let count = min(left, SchedulerCrowd.countMax)
      try stage.start(["scheduler-crowd", stage.endpoint, stage.keys, "\(count)"])
      left -= count
    }
    let outcome = shell.run()
    guard case .stopped = outcome, let joined = marks.joined, let left = marks.left else {
      throw ChildProcess.Failed(description: "the run did not last: \(outcome)")
    }
    try stage.finish()
    let time = Double(left.microseconds - joined.microseconds)
    let cost = left.cost - joined.cost
    print(
      "\(workers) workers, all there after \(Double((joined.microseconds - begun) / 1000) / 1000) "
        + "s; then for \(Int(time / 1_000_000)) s "
        + "\(percent(cost.processMicroseconds, time)) % of a core (the loop "
        + "\(percent(cost.threadMicroseconds, time)) %), "
        + "\(Int(Double(left.messageCount - joined.messageCount) * 1_000_000 / time)) messages/s; "
        + "peak memory \(sw_peak_memory() / 1_000_000) MB")
    return 0
  }

  private func percent(_ microseconds: Int64, _ time: Double) -> Double {
    (Double(microseconds) * 1_000 / time).rounded() / 10
  }
}
