import Kernels
import Planning

/// A tensor's statistics so far: tiles are taken in at the gate, in file order.
struct Tally {
  /// The most runs of a tile.
  static let runsMax = TileBudget.measuredByteCount / (MeasuredRuns.totals * 8)

  private var squares = (base: 0.0, update: 0.0, loss: 0.0)
  private var statistics = UpdateStatistics()

  /// Takes in what the workbench measured of the next tile.
  mutating func add(_ bench: Workbench) {
    var sums = squares
    let all = unsafe bench.totals
    for run in 0..<bench.runCount {
      let totals = unsafe all + run * MeasuredRuns.totals
      unsafe sums.base += totals[0]
      unsafe sums.update += totals[1]
      unsafe sums.loss += totals[2]
    }
    squares = sums
    statistics.add(
      UpdateStatistics(
        largest: bench.counts.largest, moved: bench.counts.moved, changed: bench.counts.changed,
        vanished: bench.counts.vanished, overflowed: bench.counts.overflowed))
  }

  /// The statistics, once all tiles have passed.
  var total: UpdateStatistics {
    func norm(_ squares: Double) -> Double {
      squares.isFinite ? squares.squareRoot() : .greatestFiniteMagnitude
    }
    var total = statistics
    total.baseNorm = norm(squares.base)
    total.updateNorm = norm(squares.update)
    total.lostNorm = norm(squares.loss)
    return total
  }
}
