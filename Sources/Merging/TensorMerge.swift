// One tensor from its source to its output bytes. Numbers follow contract `f32-once` (Float64 where
// the base is F64): widen exactly, apply the updates in order to a value kept in Float32, round
// once.
//
// Contract `f64-once` keeps the value in Float64, sums along the rank there, and takes w + s · sum
// (or w + s · v) in one step that is rounded to odd (`CKernels/sticky.h`), so that the output is
// that step's exact result rounded once. With one update it is the true W0 + s · Σ b·a rounded once
// wherever the sum along the rank is exact, as it mostly is for factors of BF16; elsewhere, unless
// the true number lies closer to a middle between two outputs than the sum's own error, at most
// rank · 2⁻⁵³ · s · Σ |b·a|. Here s is the Float64 nearest to alpha / r · strength. Each further
// update adds an error of 2⁻⁵² of the value; other rules round to Float64 after each of their
// steps. An output of F64 is as under `f32-once`.
//
// Blocks are worked on whole: source → value, updates in order, value → output. A block's value has
// no gaps between its rows. All threads share this object and change nothing of it while tiles run.
import Kernels
import Planning
import Safetensors
import Storage

/// The merging of one tensor that is not a copy.
final class TensorMerge {
  let context: MergeContext
  let recipe: TensorRecipe
  let precision: Precision
  /// Additions are rounded to odd, for a last rounding to a shorter type.
  let isSticky: Bool
  let panels: PanelStore
  /// The context's, with more room where a rule must see more of the tensor at once.
  let budget: TileBudget
  private(set) var grid: TileGrid
  /// Tiles in order, each run with the updates whose right factors are held meanwhile.
  private(set) var spans: [(tiles: Range<Int>, held: [Int])] = []
  private(set) var blockRows = 1
  private(set) var blockColumns = 1
  /// The source, where it is a quantised weight.
  let decoded: DecodedSource?
  /// The way back into a quantised form, where the output has one.
  var encoder: (any Encoder)?
  /// DoRA's factors that were found by a pass of their own, by update.
  var norms: [Int: DoraFactors] = [:]
  /// Rules of other families than LoRA, ready, by update.
  var rules: [Int: PreparedRule] = [:]

  init(_ recipe: TensorRecipe, _ context: MergeContext, _ panels: PanelStore) {
    self.context = context
    encoder = recipe.encoding.flatMap { Encoders.of(recipe, $0) }
    let recipe = recipe.merged
    self.recipe = recipe
    self.panels = panels
    decoded = recipe.decoding.flatMap { DecodedSource(recipe, $0) }
    let isLong = context.accumulation == .f64 && !recipe.updates.isEmpty
    let precision: Precision = isLong || recipe.sourceDType == .f64 ? .double : .single
    self.precision = precision
    isSticky = isLong && recipe.dtype != .f64
    let together = recipe.elementsTogether
    budget =
      together == 0
      ? context.budget
      : context.budget.holding(
        elementCount: together,
        elementByteCount: Self.elementByteCount(recipe),
        numberByteCount: precision.byteCount)
    grid = TileGrid(rows: 0, columns: 0, elementCount: 1, panelWidth: 1)
    cut()
  }

  // MARK: Sizes

  /// The most bytes of an element on its way; codes and scales may end with a word of padding.
  private static func elementByteCount(_ recipe: TensorRecipe) -> Int {
    max(recipe.encoding == nil ? 1 : 4, recipe.sourceDType.byteCount, recipe.dtype.byteCount)
  }

  var sourceByteCount: Int { recipe.sourceDType.byteCount }
  var outputByteCount: Int { recipe.dtype.byteCount }

  /// Numbers that fit a block.
  var blockCapacity: Int { budget.blockByteCount / precision.byteCount }

  /// The low rank of an update's rule, if it has one.
  func product(of update: Int) -> LowRank? {
    switch recipe.updates[update].rule {
    case .lowRank(let product), .dora(let product, _, _, _): product
    case .add, .replace, .replaceRows, .weight: nil
    }
  }

  /// The column at or before this one that a panel begins with.
  func aligned(_ column: Int) -> Int { column / precision.panelWidth * precision.panelWidth }

  /// Bytes of an update's packed right factor.
  func panelByteCount(of update: Int) -> Int {
    guard let product = product(of: update) else { return 0 }
    let columns = recipe.updates[update].window.columns
    return Packing.rightCount(
      columns: columns.upperBound - aligned(columns.lowerBound), rank: product.rank, precision)
      * precision.byteCount
  }

  /// The longest rank whose factors are packed whole; a longer one is summed in pieces.
  var longestRank: Int {
    let size = precision.byteCount
    return min(
      budget.leftByteCount / size / Packing.leftRows,
      budget.segmentByteCount / size / precision.panelWidth)
  }

  /// True where an update has a right factor that fits in memory.
  func canBeHeld(_ update: Int) -> Bool {
    guard let product = product(of: update), product.rank <= longestRank else { return false }
    return panelByteCount(of: update) <= context.budget.panelByteCount
  }

  /// True where an update's factors come from a pass of their own: norms of columns always, norms
  /// of rows where a block cannot hold whole rows or where another pass needs them.
  func needsPass(_ update: Int) -> Bool {
    guard case .dora(_, _, let axis, _) = recipe.updates[update].rule else { return false }
    return axis == .column || !hasWholeRows
      || recipe.updates.contains {
        if case .dora(_, _, .column, _) = $0.rule { true } else { false }
      }
  }

  private var hasWholeRows: Bool {
    grid.columnsAtOnce == recipe.columns && recipe.columns <= blockCapacity
  }

  // MARK: Cutting

  /// Chooses tiles, spans and blocks. Where a right factor is too large to be held, tiles are as
  /// large as the budget allows, since each tile then packs that factor anew.
  private func cut() {
    let elementSize = Self.elementByteCount(recipe)
    let most = budget.tileByteCount / elementSize
    let fair = max(1 << 15, (recipe.elementCount + budget.threads - 1) / budget.threads)
    // What is stored transposed is read in a short run for each column: the more rows the better.
    let stream =
      recipe.decoding?.isTransposed == true ? most : TileBudget.streamByteCount / elementSize
    let normal = min(most, stream, fair)
    var holdsAll = false
    if recipe.elementsTogether > 0 { return cutRows(normal) }
    for elementCount in [normal, min(most, fair)] where !holdsAll {
      grid = TileGrid(
        rows: recipe.rows, columns: recipe.columns,
        elementCount: min(elementCount, measurableCount), panelWidth: cutWidth)
      holdsAll = span()
    }
    shapeBlocks(holdsAll: holdsAll)
  }

  /// Chooses tiles and blocks of whole rows, as many as rules must see together or a multiple.
  private func cutRows(_ elementCount: Int) {
    let columns = max(1, recipe.columns)
    let together = max(1, recipe.elementsTogether / columns)
    let step = together == recipe.rows ? together : recipe.rowsTogether
    let multiple = max(1, min(elementCount, measurableCount) / (step * columns))
    grid = TileGrid(rows: recipe.rows, columns: recipe.columns, rowsAtOnce: step * multiple)
    _ = span()
    blockColumns = recipe.columns
    // What becomes codes goes through several arrays, which stay in the second cache together.
    let capacity = recipe.encoding == nil ? blockCapacity : min(blockCapacity, 1 << 15)
    blockRows = step * max(1, min(multiple, capacity / (step * columns)))
  }

  /// Groups tiles so that the right factors they need fit; false where one does not.
  private func span() -> Bool {
    spans = []
    var start = 0
    var held: [Int] = []
    var left = context.budget.panelByteCount
    var holdsAll = true
    for tile in 0..<grid.count {
      let wanted = recipe.updates.indices.filter {
        recipe.updates[$0].window.shared(with: grid[tile]) != nil && product(of: $0) != nil
      }
      if wanted.contains(where: { !canBeHeld($0) }) { holdsAll = false }
      let isFull = wanted.contains {
        canBeHeld($0) && !held.contains($0) && panelByteCount(of: $0) > left
      }
      if isFull, tile > start {
        spans.append((start..<tile, held))
        (start, held, left) = (tile, [], context.budget.panelByteCount)
      }
      for index in wanted where canBeHeld(index) && !held.contains(index) {
        let needed = panelByteCount(of: index)
        if needed <= left {
          held.append(index)
          left -= needed
        } else {
          holdsAll = false
        }
      }
    }
    if start < grid.count { spans.append((start..<grid.count, held)) }
    return holdsAll
  }

  private func shapeBlocks(holdsAll: Bool) {
    let width = cutWidth
    let columns = grid.columnsAtOnce
    let hasProduct = recipe.updates.indices.contains { product(of: $0) != nil }
    let hasRowNorms = recipe.updates.indices.contains {
      if case .dora(_, _, .row, _) = recipe.updates[$0].rule { !needsPass($0) } else { false }
    }
    if columns <= blockCapacity && (!hasProduct || hasRowNorms) {
      blockColumns = columns
      blockRows = blockCapacity / max(1, columns)
    } else {
      // With held factors a block of a quarter of a megabyte keeps to the second cache; else as
      // many rows as there are share each packing of a factor.
      let capacity =
        holdsAll ? min(blockCapacity, (256 << 10) / precision.byteCount) : blockCapacity
      let most = holdsAll ? 8 * Packing.leftRows : max(1, capacity / width)
      let rows = max(1, min(grid.rowsAtOnce, most, capacity / width))
      blockColumns = min(columns, max(width, capacity / rows / width * width))
      blockRows = max(rows, capacity / max(1, blockColumns))
    }
    if blockRows > Packing.leftRows { blockRows -= blockRows % Packing.leftRows }
  }
}
