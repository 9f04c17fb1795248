// compressed-tensors' packed whole numbers: value = (code − zero) × scale of the column's group,
// code and zero point stored as their distance from the smallest number, which the difference
// cancels; an absent zero point is that of 0. The arithmetic is in the scale's type. Source:
// compressed-tensors `compressors/pack_quantized`, `forward_helpers.py`.
import Planning
import Safetensors

struct PackedRowsDecoder: Decoder {
  private let name: String
  private let columns: Int
  private let packing: PackedBits
  private let group: Int
  private let groups: Int
  private let codes: TensorBytes
  private let scale: TensorBytes
  private let zeros: TensorBytes?
  private let order: TensorBytes?

  /// One scale for all.
  private var isOfTensor: Bool { scale.elementCount == 1 }

  init?(_ stored: StoredWeight) {
    guard stored.matrices == 1, let bits = stored.int("bits", 2...8),
      let perWord = stored.int("perWord", 0...16), let group = stored.int("group"),
      perWord == 0 || perWord == 32 / bits
    else { return nil }
    name = stored.name
    columns = stored.columns
    self.group = group
    packing = PackedBits(bits: bits, perWord: perWord)
    groups = (columns + group - 1) / group
    let rows = stored.rows
    let scaleCount = stored.operands["scale"]?.tensor.elementCount == 1 ? 1 : rows * groups
    guard
      let codes = stored.operand("codes", [.i32], count: rows * packing.wordCount(columns)),
      let scale = stored.operand("scale", DType.scales, count: scaleCount)
    else { return nil }
    self.codes = codes
    self.scale = scale
    zeros = stored.operand("zeros", [.i32], count: packing.wordCount(rows) * groups)
    order = stored.operand("order", [.i32, .i64], count: columns)
    if stored.operands["zeros"] != nil, zeros == nil { return nil }
    if stored.operands["order"] != nil, order == nil { return nil }
  }

  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError) {
    let span = packing.bytes(of: window.columns)
    let bytes = try reader.rows(
      codes, window.rows, bytes: span, stride: packing.wordCount(columns) * 4)
    let members = try ColumnGroups(
      window.columns, of: group, count: groups, order: order, name, reader)
    let scales =
      isOfTensor
      ? try reader.numbers(scale, 0..<1)
      : try reader.numbers(scale, window.rows, members.span, width: groups)
    let offsets = try offsets(window.rows, members.span, reader)
    let half = Float(1 << (packing.bits - 1))
    unsafe window.fill(&values, from: bytes) { bytes, values in
      for row in 0..<window.rows.count {
        let room = unsafe values + row * window.columns.count
        unsafe packing.write(bytes + row * span.count, window.columns, to: room)
        let line = row * members.span.count - members.span.lowerBound
        for run in members.runs {
          unsafe scale.dtype.scale(
            room + run.columns.lowerBound - window.columns.lowerBound, run.columns.count,
            lessWhole: zeros == nil ? half : offsets[line + run.group],
            by: scales[isOfTensor ? 0 : line + run.group])
        }
      }
    }
  }

  /// Zero points of rows and groups, packed down the rows.
  private func offsets(
    _ rows: Range<Int>, _ groups: Range<Int>, _ reader: OperandReader
  ) throws(MergingError) -> [Float] {
    guard let zeros else { return [] }
    let words = try reader.words(zeros, packing.words(of: rows), groups, width: self.groups)
    return packing.down(words, rows, count: groups.count)
  }
}

/// Which group of scales each column of a window belongs to, as runs of columns of one group.
struct ColumnGroups {
  private(set) var runs: [(columns: Range<Int>, group: Int)] = []
  /// All groups between the lowest and the highest.
  let span: Range<Int>

  /// Groups follow each other unless an order names each column's; an order with −1 is
  /// none.
  init(
    _ columns: Range<Int>, of size: Int, count: Int, order: TensorBytes?, _ name: String,
    _ reader: OperandReader
  ) throws(MergingError) {
    let listed = try order.map { order throws(MergingError) in
      try reader.integers(order, columns)
    }
    guard let listed, !listed.contains(-1) else {
      span = columns.parts(of: size)
      runs = span.map { (columns.members(of: $0, size: size), $0) }
      guard span.upperBound <= count else { throw .unfitRecipe(tensor: name, .order) }
      return
    }
    var (lowest, highest) = (Int.max, 0)
    for (column, group) in zip(columns, listed) {
      guard (0..<count).contains(group) else { throw .unfitRecipe(tensor: name, .order) }
      (lowest, highest) = (min(lowest, group), max(highest, group))
      if let last = runs.last, last.group == group {
        runs[runs.count - 1].columns = last.columns.lowerBound..<column + 1
      } else {
        runs.append((column..<column + 1, group))
      }
    }
    span = min(lowest, highest)..<highest + 1
  }
}
