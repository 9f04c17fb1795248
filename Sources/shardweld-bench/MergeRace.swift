// `shardweld-bench run`: `cp`, `shardweld merge` and a plain Python loop on the same checkpoint,
// interleaved, the order turned by one each round, so that a slow minute of the machine hits all.
//
// Before each: the output of the one before is removed, the disk is synced, memory is touched and
// freed, the inputs are read. What counts is the ratio to `cp` of the same round.
import Glibc
import Storage

struct MergeRace {
  static let subcommand = Subcommand(
    name: "run",
    usage: "run MODEL --shardweld PROGRAM [--rounds N] [--python PYTHON --loop SCRIPT]"
      + " [-- MERGE'S FLAGS…]",
    run: run)

  private let model: String
  private let output: String
  private let log: String
  private let inputs: [String]
  private let byteCount: Int64
  private let ownProgram: String

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    guard let program = words.text("shardweld") else { throw Words.Misused() }
    let rounds = Int(try words.number("rounds") ?? 5)
    let python = words.text("python")
    let loop = words.text("loop")
    let race = try MergeRace(Path.absolute(try words.take(1)[0]))
    try words.end()
    guard rounds > 0 else { throw Words.Misused() }

    var racers = [Racer.copy(flushed: false), .copy(flushed: true)]
    for rank in MakeModel.ranks {
      racers.append(.merge(program, rank: rank, verify: "readback", flags: words.rest))
      racers.append(.merge(program, rank: rank, verify: "none", flags: words.rest))
      if let python, let loop { racers.append(.loop(python, loop, rank: rank)) }
    }
    print("\(race.byteCount / 1_000_000) MB of weights, \(rounds) rounds, \(load)")
    var table = RaceTable(racers.map(\.name))
    for round in 0..<rounds {
      for turn in racers.indices {
        let index = (turn + round) % racers.count
        let result = try race.time(racers[index])
        table.add(result, of: index)
        print(
          "round \(round + 1)  \(racers[index].name)  \(RaceTable.seconds(result.milliseconds))")
        _ = fflush(nil)
      }
    }
    try race.clear()
    print("\n" + table.text)
    return 0
  }

  /// How busy the machine is before anything starts: with others at work, ratios say little.
  private static var load: String {
    var average = 0.0
    guard unsafe getloadavg(&average, 1) == 1 else { return "load unknown" }
    let tenths = Int((average * 10).rounded())
    return "load \(tenths / 10).\(tenths % 10) on \(sysconf(Int32(_SC_NPROCESSORS_ONLN))) cores"
  }

  private init(_ model: String) throws {
    self.model = model
    output = Path.join(model, "output")
    log = Path.join(model, "log")
    var inputs: [String] = []
    for folder in try Folder.list(model) where folder == "base" || folder.hasPrefix("adapter-") {
      let path = Path.join(model, folder)
      inputs += try Folder.list(path).map { Path.join(path, $0) }
    }
    self.inputs = inputs
    let base = Path.join(model, "base/")
    byteCount = try inputs.filter { $0.hasPrefix(base) }
      .reduce(0) { try $0 + (FileStatus.of($1)?.byteCount ?? 0) }
    ownProgram = Path.resolved("/proc/self/exe") ?? CommandLine.arguments[0]
  }

  /// One racer's run on a machine made ready for it.
  private func time(_ racer: Racer) throws -> ChildProcess {
    try clear()
    sync()
    // The output in the page cache, and room for what a program holds beside it.
    _ = try ChildProcess.run([ownProgram, "touch", "\(byteCount + 1_000_000_000)"], log: log)
    try warm()
    return try ChildProcess.run(racer.command(model, output), log: log)
  }

  /// Removes what the last run left.
  private func clear() throws {
    try Folder.removeTree(output)
    try Folder.removeTree(output + ".shardweld")
  }

  /// Reads all inputs, so that they come from memory.
  private func warm() throws {
    let block = Buffer(byteCount: 1 << 22)
    for path in inputs {
      let file = try File.open(path)
      let size = try file.status().byteCount
      var offset: Int64 = 0
      while offset < size {
        let count = Int(min(size - offset, 1 << 22))
        try unsafe file.read(
          into: UnsafeMutableRawBufferPointer(rebasing: block.bytes[..<count]), at: offset)
        offset += Int64(count)
      }
    }
  }
}

/// A program that takes part.
struct Racer {
  let name: String
  /// The command line, from the model's folder and the output's.
  let command: (String, String) -> [String]

  static func copy(flushed: Bool) -> Racer {
    if !flushed {
      return Racer(name: "cp -r") { model, output in ["cp", "-r", model + "/base", output] }
    }
    return Racer(name: "cp -r, sync -f") { model, output in
      ["sh", "-c", "cp -r \"$0\" \"$1\" && sync -f \"$1\"", model + "/base", output]
    }
  }

  static func merge(_ program: String, rank: Int, verify: String, flags: [String]) -> Racer {
    let name = verify == "readback" ? "merge r\(rank)" : "merge r\(rank), verify \(verify)"
    return Racer(name: name) { model, output in
      [
        program, "merge", "--base", model + "/base", "--adapter", model + "/adapter-r\(rank)",
        "--output", output, "--verify", verify, "--progress", "none",
      ] + flags
    }
  }

  static func loop(_ python: String, _ script: String, rank: Int) -> Racer {
    Racer(name: "Python loop r\(rank)") { model, output in
      [python, script, model + "/base", model + "/adapter-r\(rank)", output]
    }
  }
}
