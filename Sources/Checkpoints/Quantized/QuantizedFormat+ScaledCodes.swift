// Small floats and whole numbers of eight bits, each times a scale: of the whole tensor, of its
// row, of a group in its row or of its block. FP8 of DeepSeek, transformers, compressed-tensors,
// FBGEMM, ModelOpt and Mistral, and compressed-tensors' int8, differ in nothing but names.
//
//   X.weight F8_E4M3 [out, in]    X.weight_scale_inv F32 [out/128, in/128]
//   X.weight F8_E4M3 [out, in]    X.weight_scale BF16 [out, 1]
//   X.weight I8      [out, in]    X.weight_scale BF16 [out, 1], X.weight_zero_point I8 [out, 1]
//   …experts.gate_up_proj F8_E4M3 [E, in, 2·out]    …experts.gate_up_proj_scale F32 [E, 1, 2·out]
//
// The scale multiplies, also where its name says "inv".
// Source: DeepSeek-V3 `fp8_cast_bf16.py`, transformers `finegrained_fp8.py`, `fbgemm_fp8.py`,
// compressed-tensors `forward_helpers.py`.
import OrderedJSON
import Safetensors

extension QuantizedFormat {
  static let scaledCodes = QuantizedFormat { stored throws(QuantizedFault) in
    let dtype = stored.tensor.dtype
    guard dtype.isFloat8 || dtype == .i8, stored.tensor.shape.count >= 2 else { return nil }
    let module = stored.stem(".weight")
    let names =
      if let module {
        [
          module + ".weight_scale_inv", module + ".weight_scale", module + ".scale",
          module + ".qscale_weight", module + ".scale_weight",
        ]
      } else { [stored.name + "_scale_inv", stored.name + "_scale"] }
    let found = stored.present(names)
    guard let name = found.first, let scale = stored.beside(name) else { return nil }
    guard found.count == 1 else {
      throw .unfit(
        tensor: stored.name, form: "FP8", expected: "one scale",
        found: found.map { "\"\($0)\"" }.joined(separator: " and "))
    }
    return try ScaledCodes(stored, module, scale).weight()
  }
}

private struct ScaledCodes {
  let stored: StoredTensor
  /// nil for a parameter that is not called `weight`.
  let module: String?
  let scale: BaseTensor
  let form: String

  init(_ stored: StoredTensor, _ module: String?, _ scale: BaseTensor) {
    self.stored = stored
    self.module = module
    self.scale = scale
    form = stored.tensor.dtype == .i8 ? "INT8" : "FP8"
  }

  func weight() throws(QuantizedFault) -> QuantizedWeight {
    let types: [DType] = [.f32, .f16, .bf16, .f8E8M0, .u8]
    guard types.contains(scale.dtype) else {
      throw .unfit(
        tensor: scale.name, form: form,
        expected: types.map(\.rawValue).joined(separator: " or "), found: scale.dtype.rawValue)
    }
    let block = try block()
    var operands: [QuantizedWeight.Operand] = [
      .init("codes", stored.tensor), .init("scale", scale),
    ]
    var beside: [String] = []
    if let module {
      let zeroName = module + ".weight_zero_point"
      if let zero = stored.beside(zeroName) {
        try stored.check(zero, form, [stored.tensor.dtype, .i8], scale.shape)
        operands.append(.init("zeros", zero))
      }
      beside = CompressedScheme(stored.config, module).activations(stored, module)
    }
    let shape = stored.tensor.shape
    return QuantizedWeight(
      stored.name, shape, stored.config.resultDType, form: "scaledCodes",
      title: title(block), operands: operands,
      numbers: [
        "blockRows": Double(block.rows), "blockColumns": Double(block.columns),
        "inScaleType": stored.config.method == "compressed-tensors" ? 1 : 0,
      ], beside: beside)
  }

  private func title(_ block: (rows: Int, columns: Int)) -> String {
    let (rows, columns) = (stored.tensor.shape.suffix(2).first!, stored.tensor.shape.last!)
    switch block {
    case (rows..., columns...): return "\(form) by tensor"
    case (1, columns...), (rows..., 1): return "\(form) by channel"
    case (1, _): return "\(form) by group of \(block.columns)"
    default: return "\(form) by block of \(block.rows)×\(block.columns)"
    }
  }

  /// Rows and columns that share a scale.
  private func block() throws(QuantizedFault) -> (rows: Int, columns: Int) {
    let shape = stored.tensor.shape
    let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
    let matrices = shape.dropLast(2).reduce(1, *)
    let count = scale.shape.reduce(1, *)
    if count == 1, matrices == 1 { return (max(1, rows), max(1, columns)) }
    var grid = scale.shape
    if grid.count == 1, matrices == 1, grid[0] == rows { grid.append(1) }
    guard grid.count == shape.count, Array(grid.dropLast(2)) == Array(shape.dropLast(2)) else {
      throw unfit("a scale for each of \(shape)")
    }
    let (down, across) = (grid[grid.count - 2], grid[grid.count - 1])
    // FBGEMM's experts: a column's scale stands where a row's would.
    if shape.count == 3, across == 1, down == columns, down != rows || isOfColumns {
      return (max(1, rows), 1)
    }
    func fits(_ height: Int, _ width: Int) -> Bool {
      height > 0 && width > 0 && (rows + height - 1) / height == down
        && (columns + width - 1) / width == across
    }
    if let named = namedBlock, fits(named.rows, named.columns) { return named }
    guard down > 0, across > 0, rows % down == 0, columns % across == 0 else {
      throw unfit("a scale for each block, whose size the config tells,")
    }
    return (rows / down, columns / across)
  }

  /// Square experts, which shapes cannot tell: FBGEMM's are scaled by what goes out, its last axis.
  private var isOfColumns: Bool { stored.config.method == "fbgemm_fp8" }

  private var namedBlock: (rows: Int, columns: Int)? {
    let own = stored.config.section["weight_block_size"]?.elements?.compactMap(\.int)
    let scheme = CompressedScheme(stored.config, module ?? stored.name)
    let sizes = own ?? scheme.block ?? scheme.groupSize.map { [1, $0] }
    guard let sizes, sizes.count == 2 else { return nil }
    return (sizes[0], sizes[1])
  }

  private func unfit(_ expected: String) -> QuantizedFault {
    .unfit(
      tensor: scale.name, form: form, expected: expected, found: "shape \(scale.shape)")
  }
}

extension DType {
  /// True for numbers of eight bits; E8M0 is a scale's exponent.
  var isFloat8: Bool { [.f8E4M3, .f8E5M2, .f8E4M3FNUZ, .f8E5M2FNUZ].contains(self) }
}
