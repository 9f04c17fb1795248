// The memory of one block on its way through the inner loops.
import Kernels
import Storage

struct KernelBlock {
  let rows: Int
  let columns: Int
  /// File elements, the working numbers made of them, and room for the file elements they become.
  let base: Buffer
  let value: Buffer
  let written: Buffer
  private let left: Buffer
  private let right: Buffer
  private let totals: Buffer

  /// With factors for any rank up to this one.
  init(rows: Int, columns: Int, rank: Int) {
    self.rows = rows
    self.columns = columns
    base = Buffer(byteCount: rows * columns * 8)
    value = Buffer(byteCount: rows * columns * 8)
    written = Buffer(byteCount: rows * columns * 8)
    left = Buffer(byteCount: Packing.leftCount(rows: rows, rank: rank) * 4)
    right = Buffer(byteCount: Packing.rightCount(columns: columns, rank: rank, .single) * 4)
    totals = Buffer(byteCount: rows * MeasuredRuns.count(columns) * MeasuredRuns.totals * 8)
    var random = SplitMix64(seed: 7)
    for (buffer, scale) in [(value, Float(0.02)), (left, 1e-3), (right, 1e-3)] {
      let numbers = unsafe buffer.bytes.bindMemory(to: Float.self)
      for i in numbers.indices {
        unsafe numbers[i] = scale * (Float(random.next() >> 40) / Float(1 << 23) - 1)
      }
    }
  }

  /// The product of the first `rank` of the factors' columns and rows, added to the value, or to
  /// the base's elements.
  func product(rank: Int, from element: ElementType? = nil) -> PackedProduct {
    let start = unsafe base.bytes.baseAddress!
    return unsafe PackedProduct(
      .single, value: value.bytes.baseAddress!, stride: columns,
      base: element.map { unsafe ProductBase(start, stride: columns, $0) }, rows: rows,
      columns: columns, skip: 0, rank: rank, left: left.bytes.baseAddress!,
      leftGroup: Packing.leftRows * rank, right: right.bytes.baseAddress!,
      rightPanel: Precision.single.panelWidth * rank)
  }

  /// Rounds the value to an element type, beside the base.
  func measure(_ kernels: KernelTable, _ element: ElementType) {
    var counts = MeasuredCounts()
    unsafe kernels.roundMeasured(
      .single,
      MeasuredBlock(
        base: base.bytes.baseAddress!, element, value: value.bytes.baseAddress!,
        written: written.bytes.baseAddress!, element, rows: rows, columns: columns,
        stride: columns, runsOfRow: MeasuredRuns.count(columns)),
      totals: totals.bytes.bindMemory(to: Double.self).baseAddress!, &counts)
  }
}
