// Who takes part in a race, and from where its inputs come.

/// A line of the table: a program with what it is given, on inputs that are cached or not.
struct RaceRow: Hashable {
  enum Program: Hashable {
    /// `cp -r`, and `sync -f` of what it wrote.
    case copy(isFlushed: Bool)
    case merge(rank: Int, workers: Int, verify: String)
    case peer(RacePeer, rank: Int)
  }

  let program: Program
  /// The inputs are read from the device.
  let isCold: Bool

  /// As the table and the thresholds name it.
  var name: String {
    let name =
      switch program {
      case .copy(let isFlushed): isFlushed ? "cp -r, sync -f" : "cp -r"
      case .merge(let rank, let workers, let verify):
        "merge r\(rank), \(workers) worker\(workers == 1 ? "" : "s")"
          + (verify == "readback" ? "" : ", verify \(verify)")
      case .peer(let peer, let rank): "\(peer.rawValue) r\(rank)"
      }
    return isCold ? name + ", cold" : name
  }

  /// About the memory that a run takes: the output in the page cache, and what the program holds
  /// beside it, which for a peer may be the whole model.
  func memoryByteCount(of weights: Int64) -> Int64 {
    if case .peer = program { 2 * weights + 1_000_000_000 } else { weights + 256_000_000 }
  }

  /// The copy that this row is compared with: of the same inputs, as cold.
  func copy(isFlushed: Bool) -> RaceRow {
    RaceRow(program: .copy(isFlushed: isFlushed), isCold: isCold)
  }
}
