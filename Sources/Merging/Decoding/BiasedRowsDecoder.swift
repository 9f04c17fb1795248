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
    let span = packing.words(of: window.columns)
    let words = try reader.words(codes, window.rows, span, width: packing.wordCount(columns))
    let groups = window.columns.parts(of: group)
    let scales = try reader.numbers(scale, window.rows, groups, width: self.groups)
    let biases = try reader.numbers(bias, window.rows, groups, width: self.groups)
    let width = window.columns.count
    let dtype = scale.dtype
    for row in 0..<window.rows.count {
      for at in groups {
        let place = row * groups.count + at - groups.lowerBound
        let (scale, bias) = (scales[place], biases[place])
        for column in window.columns.members(of: at, size: group) {
          let code = packing.number(
            words, at: packing.bit(of: column) - span.lowerBound * 32, first: row * span.count)
          let product = dtype.rounded(Float(code) * scale)
          values[row * width + column - window.columns.lowerBound] = dtype.rounded(product + bias)
        }
      }
    }
  }
}
