@testable import shardweld_bench

/// Results made by hand: milliseconds of each round, and the most memory of a worker.
enum RaceSample {
  static let merge = RaceRow(
    program: .merge(rank: 16, workers: 2, verify: "readback"), isCold: false)
  static let peer = RaceRow(program: .peer(.peft, rank: 16), isCold: false)
  static let copy = merge.copy(isFlushed: false)
  static let flushedCopy = merge.copy(isFlushed: true)

  static func run(
    _ milliseconds: Double, workerByteCount: Int64 = 0, cachedShare: Double = 1
  ) -> RaceRun {
    RaceRun(
      process: ChildProcess(
        milliseconds: milliseconds, peakByteCount: 2_000_000, childPeakByteCount: workerByteCount,
        childCount: 0),
      cachedShare: cachedShare)
  }

  /// Copies in 100 and 300 ms and, flushed, twice that; a merge in 300, 900 and 240 ms. The second
  /// round was three times as slow for all. PEFT took part in the first alone.
  static var results: RaceResults {
    var results = RaceResults([copy, flushedCopy, merge, peer])
    for (row, times) in [[100, 300, 100], [200, 600, 200], [300, 900, 240], [1600]].enumerated() {
      for (round, time) in times.enumerated() {
        results.add(
          run(Double(time), workerByteCount: row == 2 ? Int64(50 + round) * 1_000_000 : 0), of: row)
      }
    }
    return results
  }
}
