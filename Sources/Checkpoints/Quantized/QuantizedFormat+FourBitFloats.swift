// Floats of four bits (E2M1), two a byte, the even one below, with a scale for each 16 or 32 of
// them along a row. MXFP4's scale is a power of two; NVFP4's is a small float, which a scale of the
// whole tensor divides (compressed-tensors) or multiplies (ModelOpt).
//
//   gpt-oss             …experts.down_proj_blocks U8 [E, out, in/32, 16] and
//                       …experts.down_proj_scales U8 [E, out, in/32];
//                       the plain tensor is …experts.down_proj [E, in, out]
//   compressed-tensors  X.weight_packed U8 [out, in/2], X.weight_scale U8 [out, in/32], or
//                       F8_E4M3 [out, in/16] with X.weight_global_scale F32 [1]
//   ModelOpt            X.weight U8 [out, in/2], X.weight_scale F8_E4M3 [out, in/16],
//                       X.weight_scale_2 F32 []
//   DeepSeek            X.weight I8 [out, in/2], X.scale F8_E8M0 [out, in/32]
// Source: OpenAI gpt-oss `weights.py`, transformers `mxfp4.py`, `finegrained_fp8.py`,
// compressed-tensors `compressors/nvfp4`, `mxfp4`, ModelOpt `nvfp4_tensor.py`.
import Safetensors

extension QuantizedFormat {
  static let expertBlocks = QuantizedFormat { stored throws(QuantizedFault) in
    guard let name = stored.stem("_blocks"), stored.tensor.dtype == .u8,
      stored.tensor.shape.count == 4, let scales = stored.beside(name + "_scales")
    else { return nil }
    let shape = stored.tensor.shape
    guard shape[3] == 16 else {
      throw .unfit(
        tensor: stored.name, form: "MXFP4", expected: "blocks of 16 bytes", found: "\(shape)")
    }
    try stored.check(scales, "MXFP4", [.u8, .f8E8M0], Array(shape.dropLast()))
    return QuantizedWeight(
      name, [shape[0], shape[2] * 32, shape[1]], .bf16, form: "fourBitFloats", title: "MXFP4",
      operands: [.init("codes", stored.tensor), .init("scale", scales)],
      numbers: ["group": 32], isTransposed: true)
  }

  static let packedFloats = QuantizedFormat { stored throws(QuantizedFault) in
    guard let module = stored.stem(".weight_packed"), stored.tensor.dtype == .u8 else { return nil }
    let scale = try stored.companion(module + ".weight_scale", "compressed-tensors FP4")
    let scheme = CompressedScheme(stored.config, module)
    let floats = FourBitFloats(stored, scale, scheme.activations(stored, module))
    let global = stored.beside(module + ".weight_global_scale")
    return try floats.weight(
      module + ".weight", .bf16, "compressed-tensors", global: global, divides: true)
  }

  static let bareFloats = QuantizedFormat { stored throws(QuantizedFault) in
    guard let module = stored.stem(".weight"), stored.tensor.shape.count == 2 else { return nil }
    switch stored.tensor.dtype {
    case .u8:
      guard let scale = stored.beside(module + ".weight_scale"), scale.dtype == .f8E4M3 else {
        return nil
      }
      let global = try stored.companion(module + ".weight_scale_2", "ModelOpt NVFP4")
      let activations = CompressedScheme(stored.config, module).activations(stored, module)
      return try FourBitFloats(stored, scale, activations).weight(
        stored.name, stored.config.resultDType, "ModelOpt", global: global, divides: false)
    case .i8:
      guard let scale = stored.beside(module + ".scale"), [.f8E8M0, .u8].contains(scale.dtype),
        scale.shape.count == 2, scale.shape[1] * 16 == stored.tensor.shape[1]
      else { return nil }
      return try FourBitFloats(stored, scale, []).weight(
        stored.name, .bf16, "DeepSeek", global: nil, divides: false)
    default: return nil
    }
  }
}

private struct FourBitFloats {
  let stored: StoredTensor
  let scale: BaseTensor
  let beside: [String]

  init(_ stored: StoredTensor, _ scale: BaseTensor, _ beside: [String]) {
    self.stored = stored
    self.scale = scale
    self.beside = beside
  }

  func weight(
    _ name: String, _ dtype: DType, _ carrier: String, global: BaseTensor?, divides: Bool
  ) throws(QuantizedFault) -> QuantizedWeight {
    let kind = scale.dtype == .f8E4M3 ? "NVFP4" : "MXFP4"
    let title = "\(carrier) \(kind)"
    let shape = stored.tensor.shape
    guard shape.count == 2 else {
      throw .unfit(tensor: stored.name, form: title, expected: "2 dimensions", found: "\(shape)")
    }
    let group = kind == "NVFP4" ? 16 : 32
    let columns = shape[1] * 2
    try stored.check(
      scale, title, [.f8E4M3, .f8E8M0, .u8], [shape[0], (columns + group - 1) / group])
    var operands: [QuantizedWeight.Operand] = [
      .init("codes", stored.tensor), .init("scale", scale),
    ]
    if let global {
      try stored.check(global, title, [.f32], [1], [])
      operands.append(.init("global", global))
    } else if kind == "NVFP4" {
      throw .lacks(tensor: stored.name, form: title, companion: "weight_global_scale")
    }
    return QuantizedWeight(
      name, [shape[0], columns], dtype, form: "fourBitFloats", title: title, operands: operands,
      numbers: ["group": Double(group), "divides": divides ? 1 : 0], beside: beside)
  }
}
