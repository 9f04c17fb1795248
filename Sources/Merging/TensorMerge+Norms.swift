// DoRA's norms that need a pass of their own over the base: of columns, whose squares come from
// every row, and of rows longer than a block. The value of a block is made as in the merge itself,
// up to the update whose norms are wanted. Each sum is made by one thread in a fixed order.
import Kernels
import Planning
import Storage

extension TensorMerge {
  /// Finds the factors of every update that needs a pass, in order: later ones build on earlier.
  func findNorms(
    _ crew: Crew, report: (Int) throws(MergingError) -> Void
  ) throws(MergingError) {
    for index in recipe.updates.indices where needsPass(index) {
      guard case .dora(_, let magnitude, let axis, _) = recipe.updates[index].rule else { continue }
      let window = recipe.updates[index].window
      guard window.elementCount > 0 else { continue }
      try panels.hold(holdable(through: index, window), of: self, crew.benches[0])
      switch axis {
      case .column:
        norms[index] = try columnFactors(index, window, magnitude, crew, report)
      case .row: norms[index] = try rowFactors(index, window, magnitude, crew, report)
      }
    }
  }

  /// The updates up to this one whose right factors fit together.
  private func holdable(through last: Int, _ window: Window) -> [Int] {
    var left = context.budget.panelByteCount
    return (0...last).filter { index in
      guard canBeHeld(index), recipe.updates[index].window.shared(with: window) != nil,
        panelByteCount(of: index) <= left
      else { return false }
      left -= panelByteCount(of: index)
      return true
    }
  }

  /// V of a block, for the update whose norms are wanted.
  private func variant(
    _ index: Int, _ block: Window, _ bench: Workbench
  ) throws(MergingError) -> BlockNumbers {
    let source = unsafe try read(block, bench)
    unsafe fill(bench.value, block, from: source)
    try unsafe apply(0..<index, to: block, bench)
    return unsafe try makeVariant(index, block, of: numbers(block, in: bench.value), bench)
  }

  /// Strips of columns, each summed from the first row to the last by one thread.
  private func columnFactors(
    _ index: Int, _ window: Window, _ magnitude: TensorBytes, _ crew: Crew,
    _ report: (Int) throws(MergingError) -> Void
  ) throws(MergingError) -> DoraFactors {
    let width = precision.panelWidth
    let capacity = min(blockCapacity, context.budget.tileByteCount / sourceByteCount)
    let share = (window.columns.count + crew.benches.count - 1) / crew.benches.count
    let most = max(width, capacity / Packing.leftRows / width * width)
    let stripWidth = min(most, (share + width - 1) / width * width)
    let start = aligned(window.columns.lowerBound)
    let sums = Buffer(byteCount: window.columns.count * 8)
    let line = TileLine(
      count: (window.columns.upperBound - start + stripWidth - 1) / stripWidth, crew,
      prepare: { (bench, strip) throws(MergingError) in
        let columns = (start + strip * stripWidth)..<(start + (strip + 1) * stripWidth)
        let part = Window(rows: window.rows, columns: columns.clamped(to: window.columns))
        let target =
          unsafe sums.bytes.baseAddress!.assumingMemoryBound(to: Double.self)
          + (part.columns.lowerBound - window.columns.lowerBound)
        try part.eachBlock(
          height: max(1, capacity / stripWidth), width: stripWidth
        ) { (block, _) throws(MergingError) in
          bench.forgetLeft()
          let numbers = unsafe try self.variant(index, block, bench)
          for row in block.rows {
            unsafe self.context.kernels.addColumnSquares(
              self.precision, numbers.at(row, block.columns.lowerBound),
              count: block.columns.count, to: target)
          }
        }
      })
    try line.run(report: report)
    return try factors(sums, [.plain(0..<window.columns.count)], magnitude, crew.benches[0])
  }

  /// m / ‖V‖ of each sum of squares; runs of the magnitudes as they are stored.
  private func factors(
    _ sums: Buffer, _ runs: [Factor.Run], _ magnitude: TensorBytes, _ bench: Workbench
  ) throws(MergingError) -> DoraFactors {
    let factors = DoraFactors(count: unsafe sums.bytes.count / 8, precision)
    for run in runs {
      try unsafe context.eachRun(
        of: magnitude, from: run.stored.lowerBound, count: run.stored.count, precision, bench
      ) { numbers, place in
        for i in place {
          let index = run.first + i * run.step
          let squares = unsafe sums.bytes.load(fromByteOffset: index * 8, as: Double.self)
          let magnitude = unsafe numbers.number(i - place.lowerBound, precision)
          factors.set(index, to: doraFactor(magnitude, squares: squares), precision)
        }
      }
    }
    return factors
  }

  /// Groups of rows, each row summed from its first column to its last by one thread.
  private func rowFactors(
    _ index: Int, _ window: Window, _ magnitude: TensorBytes, _ crew: Crew,
    _ report: (Int) throws(MergingError) -> Void
  ) throws(MergingError) -> DoraFactors {
    let width = precision.panelWidth
    let lanes = SquareLanes.count
    let capacity = min(blockCapacity, context.budget.tileByteCount / sourceByteCount)
    let height = max(1, min(8 * Packing.leftRows, capacity / width))
    let blockWidth = max(width, capacity / height / width * width)
    let sums = Buffer(byteCount: window.rows.count * 8)
    let line = TileLine(
      count: (window.rows.count + height - 1) / height, crew,
      prepare: { (bench, group) throws(MergingError) in
        let first = window.rows.lowerBound + group * height
        let part = Window(
          rows: first..<min(window.rows.upperBound, first + height), columns: window.columns)
        let squares = Buffer(byteCount: height * lanes * 8)
        let own = unsafe squares.bytes.baseAddress!.assumingMemoryBound(to: Double.self)
        // Blocks end where panels end, so that only the first begins inside of one.
        let lead = Window(
          rows: part.rows, columns: self.aligned(part.columns.lowerBound)..<part.columns.upperBound)
        bench.forgetLeft()
        try lead.eachBlock(height: height, width: blockWidth) { (whole, _) throws(MergingError) in
          let block = whole.shared(with: part)!
          let numbers = unsafe try self.variant(index, block, bench)
          for row in block.rows {
            unsafe self.context.kernels.addRowSquares(
              self.precision, numbers.at(row, block.columns.lowerBound),
              count: block.columns.count,
              first: block.columns.lowerBound - window.columns.lowerBound,
              to: own + (row - first) * lanes)
          }
        }
        for row in part.rows {
          let total = unsafe SquareLanes.total(own + (row - first) * lanes)
          unsafe sums.bytes.storeBytes(
            of: total, toByteOffset: (row - window.rows.lowerBound) * 8, as: Double.self)
        }
      })
    try line.run(report: report)
    let runs = product(of: index)!.left.runs(of: 0..<window.rows.count)
    return try factors(sums, runs, magnitude, crew.benches[0])
  }
}
