// `shardweld-bench run`: `cp`, `shardweld merge` and, where asked, other ways to merge on the same
// checkpoint, interleaved, the order turned by one each round, so that a slow minute of the machine
// hits all.
//
// Before each: the output of the one before is removed, the disk is synced, memory is touched and
// freed, the inputs are read or forgotten. What counts is the ratio to `cp` of the same round.
import Glibc
import OrderedJSON
import Storage

struct MergeRace {
  static let subcommand = Subcommand(name: "run", usage: RaceSetting.usage, run: run)

  /// The exit code of a race that did not keep a threshold.
  private static let slow: Int32 = 3

  private let setting: RaceSetting
  private let output: String
  private let log: String
  private let inputs: InputCache
  /// Of the base's shards.
  private let byteCount: Int64

  private static func run(_ given: Words) throws -> Int32 {
    try MergeRace(RaceSetting(given)).run()
  }

  private init(_ setting: RaceSetting) throws {
    self.setting = setting
    output = Path.join(setting.model, "output")
    log = Path.join(setting.model, "log")
    let inputs = try setting.inputFolders.flatMap { folder in
      try Folder.list(folder).map { Path.join(folder, $0) }
    }
    self.inputs = InputCache(paths: inputs)
    byteCount = try Self.weightsByteCount(Path.join(setting.model, "base"))
  }

  private func run() throws -> Int32 {
    let machine = HostFacts.of(setting.model)
    print("\(byteCount / 1_000_000) MB of weights, \(setting.rounds) rounds, \(machine.line)")
    let (peers, packages) = try findPeers()
    let results = try race(setting.rows(peers))
    let table = RaceTable(results: results)
    print("\n" + table.text)
    for note in table.notes { print(note) }
    if let path = setting.jsonPath {
      let report = RaceReport(
        results: results, machine: machine, byteCount: byteCount, flags: setting.flags,
        packages: packages)
      try WholeFile.write(Array(report.json.indented.utf8), to: path)
    }
    let faults = setting.thresholds?.faults(in: results) ?? []
    for fault in faults { print("too much: \(fault)") }
    return faults.isEmpty ? 0 : Self.slow
  }

  /// The peers that can take part, with the versions of what they need; says which cannot and why.
  private func findPeers() throws -> ([RacePeer], [String: String]) {
    guard setting.peerRounds > 0 else { return ([], [:]) }
    let versions = try RacePeer.versions(setting.python, log: log)
    for peer in RacePeer.allCases { print(peer.line(versions)) }
    return (RacePeer.allCases.filter { $0.missing(versions).isEmpty }, versions)
  }

  private func race(_ rows: [RaceRow]) throws -> RaceResults {
    var results = RaceResults(rows)
    var lost: Set<Int> = []
    for round in 0..<setting.rounds {
      for turn in rows.indices {
        let index = (turn + round) % rows.count
        let row = rows[index]
        if case .peer = row.program, round >= setting.peerRounds || lost.contains(index) {
          continue
        }
        do {
          let run = try time(row)
          results.add(run, of: index)
          let seconds = RaceTable.seconds(run.process.milliseconds)
          print("round \(round + 1)  \(row.name)  \(seconds)")
        } catch let failure as ChildProcess.Failed {
          guard case .peer = row.program else { throw failure }
          print("\(row.name): left out, because it failed: \(failure)")
          results.drop(index)
          lost.insert(index)
        }
        _ = fflush(nil)
      }
    }
    try clear()
    return results
  }

  /// One row's run on a machine made ready for it.
  private func time(_ row: RaceRow) throws -> RaceRun {
    try clear()
    sync()
    let free = ProcFile.byteCount(of: "MemAvailable", in: ProcFile.text(of: "/proc/meminfo"))
    let touched = min(row.memoryByteCount(of: byteCount), free / 2)
    _ = try ChildProcess.run([ChildProcess.ownProgram, "touch", "\(touched)"], log: log)
    if row.isCold { try inputs.drop() } else { try inputs.warm() }
    let cachedShare = try inputs.share()
    let process = try ChildProcess.run(setting.command(row, output: output), log: log)
    let written = try Self.weightsByteCount(output)
    guard written >= byteCount / 100 * 99 else {
      throw ChildProcess.Failed(
        description: "\(row.name) wrote \(written) bytes of weights, not \(byteCount)")
    }
    return RaceRun(process: process, cachedShare: cachedShare)
  }

  /// Removes what the last run left.
  private func clear() throws {
    try Folder.removeTree(output)
    try Folder.removeTree(output + ".shardweld")
  }

  private static func weightsByteCount(_ folder: String) throws -> Int64 {
    try Folder.list(folder).filter { $0.hasSuffix(".safetensors") }.reduce(0) {
      try $0 + (FileStatus.of(Path.join(folder, $1))?.byteCount ?? 0)
    }
  }
}
