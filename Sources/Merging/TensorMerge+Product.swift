// The low-rank product of a part of a block. The right factor is held for all tiles, or packed here
// piece by piece; rows of the left factor are packed once for all blocks beside each other. A rank
// too long for the workbench is summed in pieces, in order, with the same bits.
import Kernels
import Planning
import Storage

extension TensorMerge {
  /// value ← value + scale · (left · right) for a part of a block, in one go where the sum need not
  /// be seen before it is scaled; else the sums of the whole part come to lie in the workbench.
  func add(
    _ product: LowRank, of update: Int, _ part: Window, to value: BlockNumbers, isSticky: Bool,
    _ bench: Workbench
  ) throws(MergingError) {
    if product.rank <= longestRank, !isSticky {
      return try unsafe multiply(product, of: update, part, to: value, addsScaled: true, bench)
    }
    let sums = unsafe numbers(part, in: bench.sums)
    let byteCount = part.elementCount * precision.byteCount
    unsafe sums.start.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    if product.rank <= longestRank {
      unsafe try multiply(product, of: update, part, to: sums, addsScaled: false, bench)
    } else {
      unsafe try sumLong(product, of: update, part, to: sums, bench)
    }
    let first = part.columns.lowerBound
    for row in part.rows {
      unsafe addScaled(
        value.at(row, first), sums.at(row, first), scale: product.scale,
        count: part.columns.count, isSticky: isSticky)
    }
  }

  /// value ← value + scale · (left · right), or without the scale as one long sum.
  private func multiply(
    _ product: LowRank, of update: Int, _ part: Window, to value: BlockNumbers, addsScaled: Bool,
    _ bench: Workbench
  ) throws(MergingError) {
    let rank = product.rank
    let width = precision.panelWidth
    let rowsAtOnce =
      bench.budget.leftByteCount / precision.byteCount / rank / Packing.leftRows * Packing.leftRows
    let first = part.columns.lowerBound
    let isHeld = unsafe panels.panel(of: update, at: first, rank: rank, precision) != nil
    let columnsAtOnce =
      isHeld
      ? part.columns.count + width
      : bench.budget.segmentByteCount / precision.byteCount / rank / width * width
    // Pieces begin where panels begin, but for the first.
    for panel in stride(from: aligned(first), to: part.columns.upperBound, by: columnsAtOnce) {
      let columns = max(first, panel)..<min(part.columns.upperBound, panel + columnsAtOnce)
      let right = unsafe try right(update, columns: columns, rank: rank, bench)
      for row in stride(from: part.rows.lowerBound, to: part.rows.upperBound, by: rowsAtOnce) {
        let rows = row..<min(part.rows.upperBound, row + rowsAtOnce)
        let left = unsafe try left(update, rows: rows, rank: rank, bench)
        let packed = unsafe PackedProduct(
          precision, value: value.at(row, columns.lowerBound),
          stride: value.block.columns.count, base: base(of: value, row, columns.lowerBound),
          rows: rows.count, columns: columns.count, skip: columns.lowerBound - panel, rank: rank,
          left: left,
          leftGroup: Packing.leftRows * rank, right: right, rightPanel: width * rank)
        if addsScaled {
          unsafe context.kernels.addProduct(packed, scale: product.scale)
        } else {
          unsafe context.kernels.sumProduct(packed)
        }
      }
    }
  }

  /// The base from a place in the tensor on, where a block's numbers are still to be made of it.
  private func base(of value: BlockNumbers, _ row: Int, _ column: Int) -> ProductBase? {
    guard let base = unsafe value.base else { return nil }
    let place =
      unsafe (row - value.block.rows.lowerBound) * base.stride + column
      - value.block.columns.lowerBound
    return unsafe ProductBase(
      base.start + place * sourceByteCount, stride: base.stride, recipe.sourceDType.element)
  }

  /// sums ← sums + left · right for a rank taken in pieces; the sums of the whole part stay from
  /// one piece to the next.
  private func sumLong(
    _ product: LowRank, of update: Int, _ part: Window, to sums: BlockNumbers, _ bench: Workbench
  ) throws(MergingError) {
    let size = precision.byteCount
    let width = precision.panelWidth
    // An eighth of the longest, so that several panels and groups of rows share each load.
    let piece = max(1, longestRank / 8)
    let rowsAtOnce = bench.budget.leftByteCount / size / piece / Packing.leftRows * Packing.leftRows
    let columnsAtOnce = bench.budget.segmentByteCount / size / piece / width * width
    let first = part.columns.lowerBound
    let segment = unsafe bench.segment.bytes.baseAddress!
    let left = unsafe bench.left.bytes.baseAddress!
    bench.forgetLeft()
    for rank in stride(from: 0, to: product.rank, by: piece) {
      let ranks = rank..<min(product.rank, rank + piece)
      for panel in stride(from: aligned(first), to: part.columns.upperBound, by: columnsAtOnce) {
        let columns = max(first, panel)..<min(part.columns.upperBound, panel + columnsAtOnce)
        unsafe try loadRight(update, columns: columns, ranks: ranks, to: segment, bench)
        for row in stride(from: part.rows.lowerBound, to: part.rows.upperBound, by: rowsAtOnce) {
          let rows = row..<min(part.rows.upperBound, row + rowsAtOnce)
          unsafe try loadLeft(update, rows: rows, ranks: ranks, to: left, bench)
          unsafe context.kernels.sumProduct(
            PackedProduct(
              precision, value: sums.at(row, columns.lowerBound), stride: part.columns.count,
              rows: rows.count, columns: columns.count, skip: columns.lowerBound - panel,
              rank: ranks.count,
              left: left, leftGroup: Packing.leftRows * ranks.count, right: segment,
              rightPanel: width * ranks.count))
        }
      }
    }
  }

  /// The panel that holds the first of these columns: of the held factor, or packed here.
  private func right(
    _ update: Int, columns: Range<Int>, rank: Int, _ bench: Workbench
  ) throws(MergingError) -> UnsafeRawPointer {
    if let held = unsafe panels.panel(of: update, at: columns.lowerBound, rank: rank, precision) {
      return unsafe held
    }
    let segment = unsafe bench.segment.bytes.baseAddress!
    unsafe try loadRight(update, columns: columns, ranks: 0..<rank, to: segment, bench)
    return UnsafeRawPointer(segment)
  }

  /// Packed rows of the left factor, from the workbench where they are there already.
  private func left(
    _ update: Int, rows: Range<Int>, rank: Int, _ bench: Workbench
  ) throws(MergingError) -> UnsafeRawPointer {
    let start = unsafe bench.left.bytes.baseAddress!
    for slot in bench.leftSlots where slot.update == update && slot.rows == rows {
      return unsafe UnsafeRawPointer(start + slot.offset)
    }
    let byteCount = Packing.leftCount(rows: rows.count, rank: rank) * precision.byteCount
    if bench.leftByteCount + byteCount > bench.budget.leftByteCount { bench.forgetLeft() }
    let offset = bench.leftByteCount
    unsafe try loadLeft(update, rows: rows, ranks: 0..<rank, to: start + offset, bench)
    bench.leftSlots.append(.init(update: update, rows: rows, offset: offset))
    bench.leftByteCount += byteCount
    return unsafe UnsafeRawPointer(start + offset)
  }

  /// Packs rows of the tensor (not of the window) of an update's left factor.
  private func loadLeft(
    _ update: Int, rows: Range<Int>, ranks: Range<Int>, to target: UnsafeMutableRawPointer,
    _ bench: Workbench
  ) throws(MergingError) {
    let window = recipe.updates[update].window
    let part = FactorPart(
      factor: product(of: update)!.left, rows: rows.shifted(by: -window.rows.lowerBound),
      columns: ranks,
      rowPlace: AxisPlacement(
        group: Packing.leftRows, groupStride: Packing.leftRows * ranks.count, step: 1),
      columnPlace: .even(step: Packing.leftRows))
    try unsafe context.load(part, precision, to: target, bench)
  }

  /// Packs columns of the tensor (not of the window) of an update's right factor, from the panel
  /// that holds the first.
  func loadRight(
    _ update: Int, columns: Range<Int>, ranks: Range<Int>, to target: UnsafeMutableRawPointer,
    _ bench: Workbench
  ) throws(MergingError) {
    let window = recipe.updates[update].window
    let width = precision.panelWidth
    let part = FactorPart(
      factor: product(of: update)!.right, rows: ranks,
      columns: columns.shifted(by: -window.columns.lowerBound),
      rowPlace: .even(step: width),
      columnPlace: AxisPlacement(group: width, groupStride: width * ranks.count, step: 1),
      columnFirst: columns.lowerBound - aligned(columns.lowerBound))
    try unsafe context.load(part, precision, to: target, bench)
  }
}

extension Range<Int> {
  fileprivate func shifted(by distance: Int) -> Range<Int> {
    (lowerBound + distance)..<(upperBound + distance)
  }
}
