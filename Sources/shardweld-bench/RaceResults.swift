// What a race measured. Ratios are taken within each round, between runs of the same minute, and
// then the median of these: what slows all of a round down does not count.

/// One run of a row.
struct RaceRun {
  let process: ChildProcess
  /// How much of the inputs lay in the page cache when it started, of 1.
  let cachedShare: Double
}

struct RaceResults {
  let rows: [RaceRow]
  /// By row, then by round; rows that take part in the first rounds only have fewer.
  private(set) var runs: [[RaceRun]]

  init(_ rows: [RaceRow]) {
    self.rows = rows
    runs = Array(repeating: [], count: rows.count)
  }

  mutating func add(_ run: RaceRun, of row: Int) { runs[row].append(run) }

  /// Forgets a row that did not come to its end.
  mutating func drop(_ row: Int) { runs[row] = [] }

  /// Milliseconds of each round.
  func times(of row: Int) -> [Double] { runs[row].map(\.process.milliseconds) }

  /// The median of the ratios to a copy's time in the same round; nil where there is none.
  func ratio(of row: Int, toFlushed isFlushed: Bool) -> Double? {
    guard !runs[row].isEmpty,
      let copy = rows.firstIndex(of: rows[row].copy(isFlushed: isFlushed))
    else { return nil }
    return Self.median(zip(times(of: row), times(of: copy)).map { $0 / $1 })
  }

  /// The most memory of the program itself, over all rounds.
  func peakByteCount(of row: Int) -> Int64 { runs[row].map(\.process.peakByteCount).max() ?? 0 }

  /// The most memory of any process that it started, over all rounds; 0 where it started none.
  func workerPeakByteCount(of row: Int) -> Int64 {
    runs[row].map(\.process.childPeakByteCount).max() ?? 0
  }

  /// How much of the inputs lay in the page cache: for cold rows the most, for hot ones the least.
  func cachedShare(isCold: Bool) -> Double? {
    let shares = zip(rows, runs).filter { $0.0.isCold == isCold }.flatMap {
      $0.1.map(\.cachedShare)
    }
    return isCold ? shares.max() : shares.min()
  }

  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
