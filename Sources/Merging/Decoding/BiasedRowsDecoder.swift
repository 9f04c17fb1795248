// MLX's affine codes: value = code × scale + bias, both of the code's group, product and sum
// rounded to the scales' type one after the other. Source: mlx `ops.cpp`,
// `backend/cpu/quantized.cpp`.
import Planning
import Safetensors

struct BiasedRowsDecoder: Decoder {
  private let columns: Int
  private let group: Int
  private let packing: PackedBits
  private let codes: TensorBytes
  private let scale: TensorBytes
  private let bias: TensorBytes

  private var groups: Int { (columns + group - 1) / group }

  init?(_ stored: StoredWeight) {
    guard let bits = stored.int("bits", 2...8), let group = stored.int("group"),
      stored.columns * bits % 32 == 0
    else { return nil }
    columns = stored.columns
    self.group = group
    packing = PackedBits(bits: bits)
    let count = stored.allRows * ((columns + group - 1) / group)
    guard
      let codes = stored.operand(
        "codes", [.u32], count: stored.allRows * packing.wordCount(columns)),
      let scale = stored.operand("scale", DType.scales, count: count),
      let bias = stored.operand("bias", [scale.dtype], count: count)
    else { return nil }
    self.codes = codes
    self.scale = scale
    self.bias = bias
  }

  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError) {
    let span = packing.bytes(of: window.columns)
    let bytes = try reader.rows(
      codes, window.rows, bytes: span, stride: packing.wordCount(columns) * 4)
    let groups = window.columns.parts(of: group)
    let scales = try reader.numbers(scale, window.rows, groups, width: self.groups)
    let biases = try reader.numbers(bias, window.rows, groups, width: self.groups)
    let dtype = scale.dtype
    unsafe window.fill(&values, from: bytes) { bytes, values in
      for row in 0..<window.rows.count {
        let room = unsafe values + row * window.columns.count
        unsafe packing.write(bytes + row * span.count, window.columns, to: room)
        for at in groups {
          let run = window.columns.members(of: at, size: group)
          let place = row * groups.count + at - groups.lowerBound
          unsafe dtype.scale(
            room + run.lowerBound - window.columns.lowerBound, run.count, by: scales[place],
            plus: biases[place])
        }
      }
    }
  }
}
