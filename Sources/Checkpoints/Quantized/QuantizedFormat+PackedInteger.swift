// compressed-tensors' pack-quantized: whole numbers of 2 to 8 bits in words of 32, along a row, the
// lowest bits first, each stored as its distance from the smallest one.
//
//   X.weight_packed I32 [out, in·bits/32]    X.weight_shape I64 [2], which is [out, in]
//   X.weight_scale BF16 [out, groups]        X.weight_zero_point I32 [out·bits/32, groups]
//   X.weight_g_idx I32 [in], where groups do not follow each other
// Source: compressed-tensors `compressors/pack_quantized`.
import OrderedJSON
import Safetensors

extension QuantizedFormat {
  static let packedInteger = QuantizedFormat { stored throws(QuantizedFault) in
    guard let module = stored.stem(".weight_packed"), stored.tensor.dtype == .i32 else {
      return nil
    }
    return try PackedRows(stored, module).weight()
  }
}

private struct PackedRows {
  let stored: StoredTensor
  let module: String
  let form = "compressed-tensors pack-quantized"

  init(_ stored: StoredTensor, _ module: String) {
    self.stored = stored
    self.module = module
  }

  func weight() throws(QuantizedFault) -> QuantizedWeight {
    let shape = try shape()
    let (rows, columns) = (shape[0], shape[1])
    let scheme = CompressedScheme(stored.config, module)
    guard let bits = scheme.bits, (2...8).contains(bits) else {
      throw stored.parameter("num_bits", scheme.bits.map { "\($0)" } ?? "missing", form)
    }
    let dense = (columns * bits + 31) / 32
    let padded = (columns + 32 / bits - 1) / (32 / bits)
    try stored.check(stored.tensor, form, [.i32], [rows, dense], [rows, padded])
    let isDense = stored.tensor.shape[1] == dense
    let scale = try stored.companion(module + ".weight_scale", form)
    let order = stored.beside(module + ".weight_g_idx")
    let groups = scale.shape.count == 2 ? scale.shape[1] : 1
    let group = scheme.groupSize ?? (groups > 0 ? (columns + groups - 1) / groups : columns)
    guard group > 0 else { throw stored.parameter("group_size", "\(group)", form) }
    try stored.check(
      scale, form, [.bf16, .f16, .f32], [rows, (columns + group - 1) / group], [rows, 1], [1], [])
    var operands: [QuantizedWeight.Operand] = [
      .init("codes", stored.tensor), .init("scale", scale),
    ]
    if let zero = stored.beside(module + ".weight_zero_point") {
      let words = isDense ? (rows * bits + 31) / 32 : (rows + 32 / bits - 1) / (32 / bits)
      try stored.check(zero, form, [.i32], [words, groups])
      operands.append(.init("zeros", zero))
    }
    if let order {
      try stored.check(order, form, [.i32, .i64], [columns])
      operands.append(.init("order", order))
    }
    return QuantizedWeight(
      module + ".weight", shape, stored.config.resultDType, form: "packedRows",
      title: "compressed-tensors int\(bits)", operands: operands,
      numbers: [
        "bits": Double(bits), "group": Double(groups == 1 ? columns : group),
        "perWord": isDense ? 0 : Double(32 / bits),
      ], beside: stored.present([module + ".weight_shape"]) + scheme.activations(stored, module))
  }

  private func shape() throws(QuantizedFault) -> [Int] {
    let tensor = try stored.companion(module + ".weight_shape", form)
    try stored.check(tensor, form, [.i64, .i32], [2])
    let bytes = try stored.base.description(tensor, form)
    let size = tensor.dtype == .i64 ? 8 : 4
    let shape = (0..<2).map { place in
      (0..<size).reversed().reduce(0) { $0 << 8 | Int(bytes[place * size + $1]) }
    }
    guard shape.allSatisfy({ $0 > 0 && $0 < 1 << 31 }) else {
      throw .unfit(
        tensor: tensor.name, form: form, expected: "rows and columns", found: "\(shape)")
    }
    return shape
  }
}

/// What compressed-tensors' config says of one module's weight.
struct CompressedScheme {
  var bits: Int?
  var groupSize: Int?
  var block: [Int]?

  /// Of the group that names the module, or of the only one there is.
  init(_ config: QuantizationConfig, _ module: String) {
    let groups = (config.section["config_groups"]?.members ?? []).map(\.value)
    let own = groups.first { group in
      (group["targets"]?.elements ?? []).contains { target in
        Self.meets(target.text ?? "", module, config)
      }
    }
    let weights = (own ?? groups.first)?["weights"]
    bits = weights?["num_bits"]?.int
    if let size = weights?["group_size"]?.int, size > 0 { groupSize = size }
    block = weights?["block_structure"]?.elements?.compactMap(\.int)
  }

  /// Targets are names of modules, expressions, or names of classes, which say nothing here.
  private static func meets(
    _ target: String, _ module: String, _ config: QuantizationConfig
  ) -> Bool {
    if target.hasPrefix("re:") { return config.meets(String(target.dropFirst(3)), module) }
    return target == module || module.hasSuffix("." + target)
  }

  /// Tensors of the module that only quantised inference reads.
  func activations(_ stored: StoredTensor, _ module: String) -> [String] {
    stored.present(
      [
        "input_scale", "input_zero_point", "output_scale", "output_zero_point",
        "input_global_scale", "activation_scale", "qscale_act", "weight_g_idx",
      ].map { module + "." + $0 })
  }
}
