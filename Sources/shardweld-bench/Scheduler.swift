// `shardweld-bench scheduler`: what it costs to hand jobs out, whatever is in them.
//
//   tcp, committed unread   6400 jobs/s (5900 … 6600), 80 µs of the coordinator, 50 its loop,
//                           3.0 messages a job
import Messaging

enum Scheduler {
  static let subcommand = Subcommand(
    name: "scheduler",
    usage: "scheduler [--workers 8] [--jobs 20000] [--seconds 0] [--only tcp|ipc]\n"
      + "  shardweld-bench scheduler --idle 1000 [--seconds 20]\n"
      + "  shardweld-bench scheduler --restart 10000",
    run: run)

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    let workers = Int(try words.number("workers") ?? 8)
    let jobs = Int(try words.number("jobs") ?? 20_000)
    let seconds = try words.number("seconds")
    let only = words.text("only")
    let idle = try words.number("idle")
    let restart = try words.number("restart")
    try words.end()
    guard (1...1_000).contains(workers), jobs > 0, ["tcp", "ipc", nil].contains(only) else {
      throw Words.Misused()
    }
    if let idle { return try SchedulerIdle(workers: Int(idle), seconds: Int(seconds ?? 20)).run() }
    if let restart { return try SchedulerRestart(jobs: Int(restart)).run() }
    for transport in ["tcp", "ipc"] where only == nil || only == transport {
      for readsBack in [false, true] {
        let round = SchedulerRound(
          workers: workers, jobs: jobs, transport: transport, readsBack: readsBack)
        try measure(round, seconds: Double(seconds ?? 0))
      }
    }
    return 0
  }

  /// Repeats a round until the time is over; prints the median and the range.
  private static func measure(_ round: SchedulerRound, seconds: Double) throws {
    let end = ProcessCost.clockMicroseconds + Int64(seconds * 1_000_000)
    var all: [SchedulerRound.Figures] = []
    repeat { all.append(try round.run()) } while ProcessCost.clockMicroseconds < end
    let rates = all.map { Int($0.jobsPerSecond) }.sorted()
    func median(_ figure: (SchedulerRound.Figures) -> Double) -> Double {
      all.map(figure).sorted()[all.count / 2]
    }
    func tenths(_ value: Double) -> Double { (value * 10).rounded() / 10 }
    print(
      "\(round.transport), \(round.readsBack ? "each read back" : "committed unread"): "
        + "\(rates[rates.count / 2]) jobs/s (\(rates[0]) … \(rates[rates.count - 1]), "
        + "\(rates.count) rounds), \(tenths(median { $0.processMicroseconds })) µs of the "
        + "coordinator (its loop \(tenths(median { $0.loopMicroseconds }))), "
        + "\(tenths(median { $0.messages })) messages a job")
  }
}
