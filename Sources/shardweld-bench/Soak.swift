// `shardweld-bench soak`: merges a model again and again while its processes are killed, stopped
// and frozen at random moments, on this machine alone and over the network. After each run:
//
//   * the output is byte for byte that of the undisturbed merge
//   * no job was committed twice, and none that was committed is computed again
//   * a job is computed again at most as often as it was in flight on whom a blow hit
//   * no process is left
import CLinux
import Glibc
import Messaging
import Planning
import Storage

struct Soak {
  static let subcommand = Subcommand(
    name: "soak",
    usage: "soak MODEL --shardweld PROGRAM [--runs N] [--seed S] [--first RUN]"
      + " [--way local|ipc|tcp]",
    run: run)

  private let setting: SoakSetting
  private let ways: [SoakRun.Way]
  private let seed: UInt64
  private var table = SoakTable()

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    guard let program = words.text("shardweld") else { throw Words.Misused() }
    let runs = Int(try words.number("runs") ?? 20)
    let first = Int(try words.number("first") ?? 1)
    let seed = try words.number("seed") ?? UInt64.random(in: 1...99_999)
    var ways = SoakRun.Way.allCases
    if let name = words.text("way") {
      guard let way = SoakRun.Way(rawValue: name) else { throw Words.Misused() }
      ways = [way]
    }
    let model = Path.absolute(try words.take(1)[0])
    try words.end()
    // Before any child: signals are looked at between blows, so that no child outlives this.
    let signals = SignalSource()
    guard sw_adopt_orphans() == 0 else { throw ChildProcess.Failed(description: "no orphans") }
    var soak = Soak(
      setting: try SoakSetting(model: model, program: Path.absolute(program)), ways: ways,
      seed: seed)
    return try soak.conduct(first..<first + runs, signals)
  }

  private init(setting: SoakSetting, ways: [SoakRun.Way], seed: UInt64) {
    self.setting = setting
    self.ways = ways
    self.seed = seed
  }

  private mutating func conduct(_ runs: Range<Int>, _ signals: SignalSource) throws -> Int32 {
    print(
      "soak: seed \(seed), \(runs.count) runs of \(setting.jobCount) jobs; "
        + "undisturbed \(setting.milliseconds) ms")
    let clock = ContinuousClock()
    let start = clock.now
    for number in runs {
      try setting.clear()
      let run = SoakRun(
        setting, ways: ways, seed: seed &* 1_000_003 &+ UInt64(number), signals: signals)
      let began = clock.now
      var faults: [String] = []
      do { try run.run() } catch { faults.append("\(error)") }
      if faults.isEmpty { faults = try check(run) }
      let passed = RaceTable.seconds((clock.now - began) / .milliseconds(1))
      let blows = run.strikes.map(\.blow.rawValue).joined(separator: ", ")
      print("run \(number)  \(run.way.rawValue) \(run.workerCount)  \(passed)  \(blows)")
      _ = fflush(nil)
      guard faults.isEmpty else {
        for fault in faults { print("soak: \(fault)") }
        print(
          "soak: run \(number) is wrong; all of it is in \(setting.folder); again with "
            + "--seed \(seed) --first \(number) --runs 1")
        return 1
      }
    }
    try setting.clear()
    print("\n\(table.text)\n")
    print(
      "soak: \(runs.count) runs gave the same bytes, \(table.recomputed) jobs computed again of "
        + "\(table.inFlight) in flight at a blow, 0 lost, "
        + "\(RaceTable.seconds((clock.now - start) / .milliseconds(1))) (seed \(seed))")
    return 0
  }

  /// What is wrong with a run that has ended.
  private mutating func check(_ run: SoakRun) throws -> [String] {
    var history = try SoakHistory(setting.job)
    let recomputed = history.recomputed(after: run.strikes)
    var faults = history.faults
    for job in history.lost { faults.append("job \(job) was committed and merged again") }
    let differences = try setting.differences()
    if !differences.isEmpty {
      faults.append("other bytes in \(differences.joined(separator: ", "))")
    }
    table.add(run.strikes, history, recomputed: recomputed)
    return faults
  }
}
