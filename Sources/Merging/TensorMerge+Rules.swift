// What each rule does to the part of a block that its window touches.
import Kernels
import Planning
import Storage

/// A block's numbers, in the value or the variant of a workbench.
@unsafe struct BlockNumbers {
  let block: Window
  let start: UnsafeMutableRawPointer
  let precision: Precision
  /// The block's base, where the numbers are still to be made of it.
  var base: BlockSource?

  /// The address of a number by its place in the tensor.
  func at(_ row: Int, _ column: Int) -> UnsafeMutableRawPointer {
    let index =
      unsafe (row - block.rows.lowerBound) * block.columns.count + column
      - block.columns.lowerBound
    return unsafe start + index * precision.byteCount
  }
}

extension TensorMerge {
  func numbers(_ block: Window, in buffer: Buffer) -> BlockNumbers {
    unsafe BlockNumbers(block: block, start: buffer.bytes.baseAddress!, precision: precision)
  }

  /// True where the first update is a product over a whole block, which then makes the block's
  /// numbers out of its base by itself.
  func isProductOfBase(_ block: Window) -> Bool {
    guard !isSticky, let first = recipe.updates.first, case .lowRank(let product) = first.rule
    else {
      return false
    }
    return product.rank <= longestRank && first.window.shared(with: block) == block
  }

  /// Applies updates in order to the workbench's value. With a `base` that is a product's to widen,
  /// the value holds nothing yet.
  func apply(
    _ updates: Range<Int>, to block: Window, from base: BlockSource? = nil, _ bench: Workbench
  ) throws(MergingError) {
    var value = unsafe numbers(block, in: bench.value)
    for index in updates {
      unsafe value.base = index == updates.first ? base : nil
      let update = recipe.updates[index]
      guard let part = update.window.shared(with: block) else { continue }
      switch update.rule {
      case .lowRank(let product):
        try unsafe add(product, of: index, part, to: value, isSticky: isSticky, bench)
      case .weight(let rule): unsafe applyWeight(index, rule, to: value)
      case .dora:
        try unsafe applyDora(index, part, to: value, bench)
      case .add(let tensor, let scale):
        try unsafe eachRun(of: tensor, update.window, part, value, bench) { numbers, at, count in
          unsafe addScaled(at, numbers, scale: scale, count: count, isSticky: isSticky)
        }
      case .replace(let tensor, let strength):
        try unsafe eachRun(of: tensor, update.window, part, value, bench) { numbers, at, count in
          unsafe move(at, to: numbers, by: strength, count: count)
        }
      case .replaceRows(let rows, let tensor, let strength):
        for (j, row) in rows.enumerated() where part.rows.contains(row) {
          let first =
            j * update.window.columns.count + part.columns.lowerBound
            - update.window.columns.lowerBound
          let start = unsafe value.at(row, part.columns.lowerBound)
          try unsafe context.eachRun(
            of: tensor, from: first, count: part.columns.count, precision, bench
          ) { numbers, place in
            unsafe move(
              start + place.lowerBound * precision.byteCount, to: numbers, by: strength,
              count: place.count)
          }
        }
      }
    }
  }

  /// w ← w + scale · v.
  func addScaled(
    _ value: UnsafeMutableRawPointer, _ other: UnsafeRawPointer, scale: Double, count: Int,
    isSticky: Bool
  ) {
    if isSticky {
      unsafe context.kernels.addSticky(value, other, scale: scale, count: count)
    } else {
      unsafe context.kernels.addScaled(precision, value, other, scale: scale, count: count)
    }
  }

  /// w ← v for strength 1, else w + strength · (v − w).
  func move(
    _ value: UnsafeMutableRawPointer, to other: UnsafeRawPointer, by strength: Double, count: Int
  ) {
    if strength == 1 {
      unsafe value.copyMemory(from: other, byteCount: count * precision.byteCount)
    } else {
      unsafe context.kernels.lerp(precision, value, other, amount: strength, count: count)
    }
  }

  /// Hands over the numbers of a tensor of the window's shape, each run with the values it meets.
  private func eachRun(
    of tensor: TensorBytes, _ window: Window, _ part: Window, _ value: BlockNumbers,
    _ bench: Workbench,
    _ body: (_ numbers: UnsafeRawPointer, _ at: UnsafeMutableRawPointer, _ count: Int) -> Void
  ) throws(MergingError) {
    let isOneRun =
      unsafe part.columns == window.columns && part.columns == value.block.columns
    let runs = isOneRun ? 1 : part.rows.count
    let count = part.elementCount / runs
    for run in 0..<runs {
      let row = part.rows.lowerBound + run
      let first =
        (row - window.rows.lowerBound) * window.columns.count + part.columns.lowerBound
        - window.columns.lowerBound
      let start = unsafe value.at(row, part.columns.lowerBound)
      try unsafe context.eachRun(of: tensor, from: first, count: count, precision, bench) {
        numbers, place in
        unsafe body(numbers, start + place.lowerBound * precision.byteCount, place.count)
      }
    }
  }
}
