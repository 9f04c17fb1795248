// GPTQ, stored as (in, out): value = scale × (code − zero), both of the input's group and the
// output. Codes are packed down the inputs, zero points along the outputs, in a stream without
// gaps.
//
// In the old convention a zero point is stored less one; after adding it again only its bits count,
// as in the reference kernel, so that what was stored as −1 is 0. The difference is exact, and its
// product with a scale of 16 bits fits Float32 exactly, so the result is rounded once.
// Source: AutoGPTQ `qlinear_cuda_old.py`, GPTQModel `nn_modules/qlinear`.
import Planning
import Safetensors
import Storage

struct PackedDownDecoder: Decoder {
  private let name: String
  /// Inputs and outputs.
  private let rows: Int
  private let columns: Int
  private let packing: PackedBits
  private let group: Int
  private let groups: Int
  private let zeroShift: Int
  private let isOrdered: Bool
  private let codes: TensorBytes
  private let scale: TensorBytes
  private let zeros: TensorBytes
  private let order: TensorBytes?

  init?(_ stored: StoredWeight) {
    guard stored.matrices == 1, let bits = stored.int("bits", 2...8),
      let group = stored.int("group"), let zeroShift = stored.int("zeroShift", 0...1)
    else { return nil }
    name = stored.name
    (rows, columns) = (stored.rows, stored.columns)
    packing = PackedBits(bits: bits)
    (self.group, self.zeroShift) = (group, zeroShift)
    groups = (rows + group - 1) / group
    isOrdered = stored.flag("isOrdered")
    guard
      let codes = stored.operand("codes", [.i32], count: packing.wordCount(rows) * columns),
      let scale = stored.operand("scale", DType.scales, count: groups * columns),
      let zeros = stored.operand("zeros", [.i32], count: groups * packing.wordCount(columns))
    else { return nil }
    self.codes = codes
    self.scale = scale
    self.zeros = zeros
    order = stored.operand("order", [.i32, .i64], count: rows)
    if stored.operands["order"] != nil, order == nil { return nil }
  }

  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError) {
    let width = window.columns.count
    let words = try reader.words(
      codes, packing.words(of: window.rows), window.columns, width: columns)
    let members = try ColumnGroups(
      window.rows, of: group, count: groups, order: try usedOrder(window.rows, reader), name,
      reader)
    var known: [Int: (scales: [Float], zeros: [Float])] = [:]
    for run in members.runs where known[run.group] == nil {
      known[run.group] = (
        try reader.numbers(
          scale, run.group..<run.group + 1, window.columns, width: columns),
        try zeroPoints(run.group, window.columns, reader)
      )
    }
    invariant(window.elementCount <= values.count, "a window of \(window.elementCount) values")
    unsafe words.withUnsafeBufferPointer { words in
      unsafe values.withUnsafeMutableBufferPointer { values in
        for run in members.runs {
          guard let own = known[run.group] else { continue }
          for row in run.columns {
            let room = unsafe values.baseAddress! + (row - window.rows.lowerBound) * width
            unsafe packing.write(
              words.baseAddress!, row: row, of: window.rows, count: width, to: room)
            unsafe DType.f32.scale(room, width, less: own.zeros, by: own.scales)
          }
        }
      }
    }
  }

  /// The order, unless it is all zeros where groups are said to follow each other: some exports
  /// write it so and mean no order.
  private func usedOrder(
    _ rows: Range<Int>, _ reader: OperandReader
  ) throws(MergingError) -> TensorBytes? {
    guard let order, !isOrdered, groups > 1 else { return order }
    // The last input tells: where groups follow each other it is of the last one.
    let last = try reader.integers(order, self.rows - 1..<self.rows)
    return last == [0] ? nil : order
  }

  private func zeroPoints(
    _ group: Int, _ columns: Range<Int>, _ reader: OperandReader
  ) throws(MergingError) -> [Float] {
    let bytes = try reader.rows(
      zeros, group..<group + 1, bytes: packing.bytes(of: columns),
      stride: packing.wordCount(self.columns) * 4)
    var points = packing.along(bytes, columns)
    guard zeroShift == 1 else { return points }
    let most = Float(packing.mask)
    for place in points.indices { points[place] = points[place] == most ? 0 : points[place] + 1 }
    return points
  }
}
