// What an update did, measured beside the merge. A thread measures the blocks of its tile and
// leaves totals for every run of every row; at the gate, where tiles pass in file order, they are
// added one after the other. So that this gives the same bits however a tensor is cut, cuts lie
// where runs begin.
import Kernels
import Planning
import Storage

extension TensorMerge {
  /// Copies and mere conversions are not measured, and of codes and their scales only the codes.
  var isMeasured: Bool { !recipe.updates.isEmpty && recipe.encoding?.part.isMeasured != false }

  /// Runs of a whole row.
  private var runsOfRow: Int { MeasuredRuns.count(recipe.columns) }

  /// Rows are cut at multiples of this: whole runs, or the whole row where it is shorter. Only a
  /// budget below the smallest that `TileBudget` splits has no room for them; there the last bits
  /// of a norm may be others.
  var cutWidth: Int {
    let panel = precision.panelWidth
    guard blockCapacity >= 8 * MeasuredRuns.elementCount else { return panel }
    return min(MeasuredRuns.elementCount, max(1, recipe.columns + panel - 1) / panel * panel)
  }

  /// The most elements of a tile whose totals have room on the workbench.
  var measurableCount: Int {
    isMeasured ? max(1, Tally.runsMax / max(1, runsOfRow)) * max(1, recipe.columns) : .max
  }

  /// Runs of a tile's rows.
  private func runsOfRow(of tile: Window) -> Int { MeasuredRuns.count(tile.columns.count) }

  /// Forgets what the workbench measured.
  func startMeasuring(_ tile: Window, _ bench: Workbench) {
    guard isMeasured else { return }
    bench.measure(runs: tile.rows.count * runsOfRow(of: tile))
  }

  /// Rounds a block's value to its output bytes and measures it beside its base bytes. Returns how
  /// many elements were finite and no longer are.
  func roundMeasured(
    _ block: Window, of tile: Window, _ source: BlockSource, to written: UnsafeMutableRawPointer,
    _ bench: Workbench
  ) -> Int {
    let before = bench.counts.overflowed
    let first = (block.columns.lowerBound - tile.columns.lowerBound) / MeasuredRuns.elementCount
    let runs = runsOfRow(of: tile)
    let run = (block.rows.lowerBound - tile.rows.lowerBound) * runs + first
    unsafe context.kernels.roundMeasured(
      precision,
      MeasuredBlock(
        base: source.start, recipe.sourceDType.element, value: bench.value.bytes.baseAddress!,
        written: written, recipe.dtype.element, rows: block.rows.count,
        columns: block.columns.count, stride: source.stride, runsOfRow: runs),
      totals: bench.totals + run * MeasuredRuns.totals, &bench.counts)
    return bench.counts.overflowed - before
  }
}
