// The way of one block: base bytes → numbers → updates → check → output bytes.
import Kernels
import Planning
import Safetensors
import Storage

/// Where a block's base bytes lie: its first element, and the elements from one row to the next.
@unsafe struct BlockSource {
  let start: UnsafeRawPointer
  let stride: Int
}

extension TensorMerge {
  /// Reads a tile's base bytes into the workbench and makes its output bytes there.
  func makeTile(_ tile: Window, _ bench: Workbench) throws(MergingError) {
    let bytes = unsafe sourceBytes(of: tile, bench)
    if let decoded {
      unsafe try decoded.read(tile, context, bench, to: bytes)
    } else {
      let first = tile.rows.lowerBound * recipe.columns + tile.columns.lowerBound
      try unsafe context.inputs.read(
        recipe.source.file, into: bytes,
        at: recipe.source.offset + Int64(first) * Int64(sourceByteCount))
    }
    let output = unsafe outputBytes(of: tile, bench)
    let width = tile.columns.count
    startMeasuring(tile, bench)
    try tile.eachBlock(height: blockRows, width: blockColumns) {
      (block, newRows) throws(MergingError) in
      if newRows { bench.forgetLeft() }
      let place =
        (block.rows.lowerBound - tile.rows.lowerBound) * width + block.columns.lowerBound
        - tile.columns.lowerBound
      let source = unsafe BlockSource(
        start: UnsafeRawPointer(bytes.baseAddress!) + place * sourceByteCount, stride: width)
      let isFresh = isProductOfBase(block)
      if !isFresh { unsafe fill(bench.value, block, from: source) }
      try unsafe apply(recipe.updates.indices, to: block, from: isFresh ? source : nil, bench)
      if let encoder {
        return unsafe try encode(block, of: tile, from: source, by: encoder, to: output, bench)
      }
      let target = unsafe output.baseAddress! + place * outputByteCount
      if !isMeasured { unsafe write(block, to: target, stride: width, bench) }
      let overflowed =
        isMeasured ? unsafe roundMeasured(block, of: tile, source, to: target, bench) : 0
      if overflowed > 0 || !isMeasured { unsafe try checkFinite(block, source, bench) }
    }
  }

  func sourceBytes(of tile: Window, _ bench: Workbench) -> UnsafeMutableRawBufferPointer {
    unsafe bench.sourceBytes(tile.elementCount * sourceByteCount)
  }

  func outputBytes(of tile: Window, _ bench: Workbench) -> UnsafeMutableRawBufferPointer {
    unsafe bench.outputBytes(outputRange(of: tile).count)
  }

  /// Reads a block straight from the base, for passes that do not go tile by tile.
  func read(_ block: Window, _ bench: Workbench) throws(MergingError) -> BlockSource {
    let size = sourceByteCount
    let width = block.columns.count
    let runs = width == recipe.columns ? 1 : block.rows.count
    let runByteCount = block.elementCount / runs * size
    let all = unsafe sourceBytes(of: block, bench)
    if let decoded {
      unsafe try decoded.read(block, context, bench, to: all)
      return unsafe BlockSource(start: UnsafeRawPointer(all.baseAddress!), stride: width)
    }
    for run in 0..<runs {
      let first = (block.rows.lowerBound + run) * recipe.columns + block.columns.lowerBound
      let bytes = unsafe UnsafeMutableRawBufferPointer(
        start: all.baseAddress! + run * runByteCount, count: runByteCount)
      try unsafe context.inputs.read(
        recipe.source.file, into: bytes, at: recipe.source.offset + Int64(first) * Int64(size))
    }
    return unsafe BlockSource(
      start: UnsafeRawPointer(all.baseAddress!), stride: width)
  }

  /// Widens a block's base bytes to working numbers.
  func fill(_ target: Buffer, _ block: Window, from source: BlockSource) {
    unsafe fill(target, precision, block, from: source)
  }

  func fill(
    _ target: Buffer, _ precision: Precision, _ block: Window, from source: BlockSource
  ) {
    let isOneRun = unsafe source.stride == block.columns.count
    let runs = isOneRun ? 1 : block.rows.count
    let count = block.elementCount / runs
    for run in 0..<runs {
      unsafe context.kernels.widen(
        recipe.sourceDType.element, source.start + run * source.stride * sourceByteCount,
        to: target.bytes.baseAddress! + run * count * precision.byteCount, precision, count: count)
    }
  }

  private func write(
    _ block: Window, to target: UnsafeMutableRawPointer, stride: Int, _ bench: Workbench
  ) {
    let isOneRun = stride == block.columns.count
    let runs = isOneRun ? 1 : block.rows.count
    let count = block.elementCount / runs
    for run in 0..<runs {
      unsafe context.kernels.narrow(
        precision, bench.value.bytes.baseAddress! + run * count * precision.byteCount,
        to: target + run * stride * outputByteCount, recipe.dtype.element, count: count)
    }
  }

  /// Refuses a block where a number that was finite in the base no longer is in the output.
  private func checkFinite(
    _ block: Window, _ source: BlockSource, _ bench: Workbench
  ) throws(MergingError) {
    let element = recipe.dtype.element
    let count = block.elementCount
    let value = unsafe bench.value.bytes.baseAddress!
    guard !context.keepsNonFinite,
      unsafe context.kernels.nonFiniteCount(precision, value, in: element, count: count) > 0
    else { return }
    unsafe fill(bench.variant, block, from: source)
    let base = unsafe bench.variant.bytes.baseAddress!
    for i in 0..<count {
      let step = i * precision.byteCount
      guard
        unsafe context.kernels.nonFiniteCount(precision, value + step, in: element, count: 1) > 0,
        unsafe context.kernels.nonFiniteCount(precision, base + step, in: .f64, count: 1) == 0
      else { continue }
      throw .nonFinite(
        tensor: recipe.name, row: block.rows.lowerBound + i / block.columns.count,
        column: block.columns.lowerBound + i % block.columns.count, dtype: recipe.dtype)
    }
  }
}
