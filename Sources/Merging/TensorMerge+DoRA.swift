// DoRA: V = w + scale · (left · right), f = m / ‖V‖ per row or column, w' = f · V.
//
// Order of operations: squares of V are exact in Float64 and summed there, rows in sixteen lanes by
// column number, columns in row order; the root is taken in Float64 and rounded to Float32; m is
// divided by it in Float32, f · V is rounded to Float32 (all in Float64 where that is worked in).
// This is PEFT's order (`tuners/lora/dora.py`) with a more exact norm.
import Kernels
import Planning
import Storage

/// The factors m / ‖V‖ of a window's rows or columns, as working numbers.
final class DoraFactors {
  let numbers: Buffer
  /// Rows or columns of the window whose norm is 0: they stay as they are.
  fileprivate(set) var zeros: Set<Int> = []

  init(count: Int, _ precision: Precision) {
    numbers = Buffer(byteCount: count * precision.byteCount)
  }

  func set(_ index: Int, to factor: Double?, _ precision: Precision) {
    guard let factor else {
      zeros.insert(index)
      return
    }
    switch precision {
    case .single:
      unsafe numbers.bytes.storeBytes(of: Float(factor), toByteOffset: index * 4, as: Float.self)
    case .double:
      unsafe numbers.bytes.storeBytes(of: factor, toByteOffset: index * 8, as: Double.self)
    }
  }

  subscript(index: Int, precision: Precision) -> Double? {
    if zeros.contains(index) { return nil }
    return unsafe numbers.bytes.baseAddress!.number(index, precision)
  }
}

extension UnsafeRawPointer {
  /// A working number of a run.
  func number(_ index: Int, _ precision: Precision) -> Double {
    switch precision {
    case .single: unsafe Double(load(fromByteOffset: index * 4, as: Float.self))
    case .double: unsafe load(fromByteOffset: index * 8, as: Double.self)
    }
  }
}

extension UnsafeMutableRawPointer {
  func number(_ index: Int, _ precision: Precision) -> Double {
    unsafe UnsafeRawPointer(self).number(index, precision)
  }
}

extension TensorMerge {
  /// m / ‖V‖ from the sum of squares; nil where that is 0.
  func doraFactor(_ magnitude: Double, squares: Double) -> Double? {
    guard squares != 0 else { return nil }
    return switch precision {
    case .single: Double(Float(magnitude) / Float(squares.squareRoot()))
    case .double: magnitude / squares.squareRoot()
    }
  }

  /// Makes V of a part of a block in the workbench's variant.
  func makeVariant(
    _ update: Int, _ part: Window, of value: BlockNumbers, _ bench: Workbench
  ) throws(MergingError) -> BlockNumbers {
    let variant = unsafe numbers(value.block, in: bench.variant)
    for row in part.rows {
      unsafe variant.at(row, part.columns.lowerBound).copyMemory(
        from: value.at(row, part.columns.lowerBound),
        byteCount: part.columns.count * precision.byteCount)
    }
    let product = product(of: update)!
    try unsafe add(product, of: update, part, to: variant, isSticky: false, bench)
    return unsafe variant
  }

  /// w ← w', or w + strength · (w' − w).
  func applyDora(
    _ index: Int, _ part: Window, to value: BlockNumbers, _ bench: Workbench
  ) throws(MergingError) {
    guard case .dora(_, let magnitude, let axis, let strength) = recipe.updates[index].rule else {
      unreachable("update \(index) is not DoRA")
    }
    let variant = unsafe try makeVariant(index, part, of: value, bench)
    let window = recipe.updates[index].window
    switch (axis, norms[index]) {
    case (.column, let factors?):
      unsafe scaleColumns(part, window, factors, strength, value, variant)
    case (.row, let factors?):
      for row in part.rows {
        guard let factor = factors[row - window.rows.lowerBound, precision] else { continue }
        unsafe scaleRow(row, part.columns, factor, strength, value, variant)
      }
    case (.row, nil):
      let first = part.rows.lowerBound - window.rows.lowerBound
      for run in product(of: index)!.left.runs(of: first..<first + part.rows.count) {
        try unsafe context.eachRun(
          of: magnitude, from: run.stored.lowerBound, count: run.stored.count, precision, bench
        ) { numbers, place in
          for i in place {
            let row = part.rows.lowerBound + run.first + i * run.step
            let magnitude = unsafe numbers.number(i - place.lowerBound, precision)
            let squares = unsafe rowSquares(variant.at(row, part.columns.lowerBound), part)
            guard let factor = doraFactor(magnitude, squares: squares) else { continue }
            unsafe scaleRow(row, part.columns, factor, strength, value, variant)
          }
        }
      }
    case (.column, nil): unreachable("no norms of columns for update \(index)")
    }
  }

  /// The sum of squares of a whole window row.
  private func rowSquares(_ row: UnsafeRawPointer, _ part: Window) -> Double {
    unsafe withUnsafeTemporaryAllocation(of: Double.self, capacity: SquareLanes.count) { lanes in
      unsafe lanes.initialize(repeating: 0)
      let start = lanes.baseAddress!
      unsafe context.kernels.addRowSquares(
        precision, row, count: part.columns.count, first: 0, to: start)
      return unsafe SquareLanes.total(start)
    }
  }

  private func scaleRow(
    _ row: Int, _ columns: Range<Int>, _ factor: Double, _ strength: Double,
    _ value: BlockNumbers, _ variant: BlockNumbers
  ) {
    let from = unsafe variant.at(row, columns.lowerBound)
    let to = unsafe value.at(row, columns.lowerBound)
    unsafe context.kernels.scale(precision, from, to: from, factor: factor, count: columns.count)
    unsafe move(to, to: from, by: strength, count: columns.count)
  }

  private func scaleColumns(
    _ part: Window, _ window: Window, _ factors: DoraFactors, _ strength: Double,
    _ value: BlockNumbers, _ variant: BlockNumbers
  ) {
    let count = part.columns.count
    let first = part.columns.lowerBound - window.columns.lowerBound
    let run = unsafe factors.numbers.bytes.baseAddress! + first * precision.byteCount
    let zeros = factors.zeros.filter { (first..<(first + count)).contains($0) }
    for row in part.rows {
      let from = unsafe variant.at(row, part.columns.lowerBound)
      let to = unsafe value.at(row, part.columns.lowerBound)
      unsafe context.kernels.scaleEach(precision, from, factors: run, to: from, count: count)
      for zero in zeros {
        let step = (zero - first) * precision.byteCount
        unsafe (from + step).copyMemory(from: to + step, byteCount: precision.byteCount)
      }
      unsafe move(to, to: from, by: strength, count: count)
    }
  }
}
