// The last step of a block whose weight goes back into a quantised form: merged values, rounded to
// the type of the form's library, become codes or scales.
import Kernels
import Planning
import Safetensors
import Storage

extension TensorMerge {
  /// Reads what the output's form keeps of the base.
  func prepareEncoder() throws(MergingError) {
    try encoder?.prepare(OperandReader(context: context))
  }

  /// Bytes of the output that a tile becomes.
  func outputRange(of tile: Window) -> Range<Int> {
    if let encoder { return encoder.bytes(of: tile.rows) }
    let first = (tile.rows.lowerBound * recipe.columns + tile.columns.lowerBound) * outputByteCount
    return first..<first + tile.elementCount * outputByteCount
  }

  /// Encodes a block of whole rows and measures what became of it; `target` is the tile's output.
  func encode(
    _ block: Window, of tile: Window, from source: BlockSource, by encoder: any Encoder,
    to target: UnsafeMutableRawBufferPointer, _ bench: Workbench
  ) throws(MergingError) {
    let count = block.elementCount
    unsafe context.kernels.narrow(
      precision, bench.value.bytes.baseAddress!, to: bench.sums.bytes.baseAddress!,
      recipe.dtype.element, count: count)
    unsafe context.kernels.widen(
      recipe.dtype.element, bench.sums.bytes.baseAddress!, to: bench.variant.bytes.baseAddress!,
      .single, count: count)
    let values = numbers(bench.variant, count)
    if let (row, column) = nonFinite(values, block) {
      throw .notQuantizable(tensor: recipe.name, row: row, column: column)
    }
    let encoded = encoder.encode(values, block.rows)
    if let (row, column) = nonFinite(encoded.written, block) {
      throw .beyondForm(tensor: recipe.name, row: row, column: column)
    }
    let start = encoder.bytes(of: block.rows).lowerBound - encoder.bytes(of: tile.rows).lowerBound
    unsafe UnsafeMutableRawBufferPointer(rebasing: target[start..<start + encoded.bytes.count])
      .copyBytes(from: encoded.bytes)
    guard isMeasured else { return }
    unsafe fill(bench.sums, .single, block, from: source)
    measure(
      block, of: tile, base: numbers(bench.sums, count), merged(count, bench), encoded, bench)
  }

  /// The place of the first value of a block that is not finite.
  private func nonFinite(_ values: [Float], _ block: Window) -> (row: Int, column: Int)? {
    let isFinite =
      unsafe context.kernels.nonFiniteCount(
        .single, values, in: .f32, count: values.count) == 0
    guard !isFinite, let place = values.firstIndex(where: { !$0.isFinite }) else { return nil }
    return (block.rows.lowerBound + place / block.columns.count, place % block.columns.count)
  }

  /// The workbench's value, of Float64 the nearest of Float32.
  private func merged(_ count: Int, _ bench: Workbench) -> [Float] {
    if precision == .single { return numbers(bench.value, count) }
    let (value, short) = unsafe (bench.value.bytes.baseAddress!, bench.variant.bytes.baseAddress!)
    unsafe context.kernels.narrow(precision, value, to: short, .f32, count: count)
    return numbers(bench.variant, count)
  }

  private func numbers(_ buffer: Buffer, _ count: Int) -> [Float] {
    unsafe Array(
      UnsafeBufferPointer(
        start: buffer.bytes.baseAddress!.assumingMemoryBound(to: Float.self), count: count))
  }

  /// As the kernel measures plain outputs (`UpdateStatistics`), where R rounds to the grid that the
  /// output's own scales make.
  private func measure(
    _ block: Window, of tile: Window, base: [Float], _ merged: [Float], _ encoded: EncodedRows,
    _ bench: Workbench
  ) {
    let (plain, written) = (encoded.plain(base), encoded.written)
    let width = block.columns.count
    let runs = MeasuredRuns.count(width)
    for row in 0..<block.rows.count {
      let line = (block.rows.lowerBound - tile.rows.lowerBound + row) * runs
      for run in 0..<runs {
        let first = row * width + run * MeasuredRuns.elementCount
        let places = first..<min((row + 1) * width, first + MeasuredRuns.elementCount)
        unsafe Self.measure(
          base.span.extracting(places), merged.span.extracting(places),
          plain.span.extracting(places), written.span.extracting(places),
          totals: bench.totals + (line + run) * MeasuredRuns.totals, &bench.counts)
      }
    }
  }

  /// Adds a run, whose four rows are of one length.
  private static func measure(
    _ base: Span<Float>, _ merged: Span<Float>, _ plain: Span<Float>, _ written: Span<Float>,
    totals: UnsafeMutablePointer<Double>, _ counts: inout MeasuredCounts
  ) {
    var squares = (base: 0.0, update: 0.0, loss: 0.0)
    for i in base.indices {
      let number = unsafe base[unchecked: i]
      let update = unsafe merged[unchecked: i] - number
      let loss = unsafe Double(written[unchecked: i]) - Double(plain[unchecked: i]) - Double(update)
      squares.base += Double(number) * Double(number)
      squares.update += Double(update) * Double(update)
      squares.loss += loss * loss
    }
    unsafe totals[0] += squares.base
    unsafe totals[1] += squares.update
    unsafe totals[2] += squares.loss
    // By themselves, as these may be taken in any order and so many at a time.
    var (largest, moved, changed, vanished) = (Int32(0), Int32(0), Int32(0), Int32(0))
    for i in base.indices {
      let update = unsafe merged[unchecked: i] - base[unchecked: i]
      let isMoved: Int32 = update != 0 ? 1 : 0
      let isChanged: Int32 = unsafe plain[unchecked: i] != written[unchecked: i] ? 1 : 0
      // Without their signs, finite numbers are in the order of their bits.
      largest = max(largest, Int32(bitPattern: update.magnitude.bitPattern))
      moved &+= isMoved
      changed &+= isChanged
      vanished &+= isMoved & (1 &- isChanged)
    }
    counts.add(
      largest: Float(bitPattern: UInt32(largest)), moved: Int(moved), changed: Int(changed),
      vanished: Int(vanished))
  }
}
