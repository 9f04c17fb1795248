// What a race is asked for.
import Storage

struct RaceSetting {
  static let usage = """
    run MODEL --shardweld PROGRAM [--rounds N] [--ranks 16,64,256] [--workers 1,2]
          [--verify readback,none] [--caches hot,cold] [--json FILE]
          [--peers ROUNDS --python PYTHON --scripts DIR] [--thresholds FILE] [-- MERGE'S FLAGS…]
    """

  let model: String
  let program: String
  let rounds: Int
  /// Peers take part in so many of the first rounds, with their inputs cached.
  let peerRounds: Int
  let python: String
  /// Holds the peers' scripts.
  let scripts: String
  let jsonPath: String?
  let thresholds: RaceThresholds?
  /// For every merge.
  let flags: [String]

  private let ranks: [Int]
  private let workers: [Int]
  private let verifies: [String]
  private let caches: [String]

  init(_ given: Words) throws {
    var words = given
    guard let program = words.text("shardweld") else { throw Words.Misused() }
    self.program = program
    rounds = Int(try words.number("rounds") ?? 5)
    peerRounds = Int(try words.number("peers") ?? 0)
    python = words.text("python") ?? "python3"
    scripts = words.text("scripts") ?? ""
    jsonPath = words.text("json").map(Path.absolute)
    thresholds = try words.text("thresholds")
      .map { try RaceThresholds(parsing: WholeFile.read($0)) }
    ranks = try words.numbers("ranks") ?? [16, 64, 256]
    workers = try words.numbers("workers") ?? [1, 2]
    verifies = words.list("verify") ?? ["readback", "none"]
    caches = words.list("caches") ?? ["hot", "cold"]
    model = Path.absolute(try words.take(1)[0])
    try words.end()
    flags = words.rest
    guard rounds > 0, peerRounds == 0 || !scripts.isEmpty,
      Set(caches).isSubset(of: ["hot", "cold"])
    else { throw Words.Misused() }
  }

  private var base: String { Path.join(model, "base") }
  private func adapter(_ rank: Int) -> String { Path.join(model, "adapter-r\(rank)") }

  /// What any of the rows reads.
  var inputFolders: [String] { [base] + ranks.map(adapter) }

  /// The rows in the table's order: copies first, then by rank the merges and the peers there are.
  func rows(_ peers: [RacePeer]) -> [RaceRow] {
    caches.flatMap { cache -> [RaceRow] in
      var programs: [RaceRow.Program] = [.copy(isFlushed: false), .copy(isFlushed: true)]
      for rank in ranks {
        for count in workers {
          programs += verifies.map { .merge(rank: rank, workers: count, verify: $0) }
        }
        if cache == "hot" { programs += peers.map { .peer($0, rank: rank) } }
      }
      return programs.map { RaceRow(program: $0, isCold: cache == "cold") }
    }
  }

  /// The command line of a row.
  func command(_ row: RaceRow, output: String) -> [String] {
    switch row.program {
    case .copy(isFlushed: false): return ["cp", "-r", base, output]
    case .copy(isFlushed: true):
      return ["sh", "-c", "cp -r \"$0\" \"$1\" && sync -f \"$1\"", base, output]
    case .merge(let rank, let workers, let verify):
      return [
        program, "merge", "--base", base, "--adapter", adapter(rank), "--output", output,
        "--workers", "\(workers)", "--verify", verify, "--progress", "none",
      ] + flags
    case .peer(let peer, let rank):
      return [python, Path.join(scripts, peer.script), base, adapter(rank), output]
    }
  }
}
