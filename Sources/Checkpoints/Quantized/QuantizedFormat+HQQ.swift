// HQQ: whole numbers of a few bits in slabs. The numbers are a matrix with a group in each row
// (axis 1) or column (axis 0); the first rows of it lie in the highest bits of all bytes, the next
// ones below. What the weight is stands in small tensors beside it.
//
//   X.W_q U8, X.scale, X.zero BF16, X.shape I64 [2], X.nbits I32, X.axis I32, X.group_size I32,
//   X.packing U8 "4bit_u8", X.compute_dtype U8 "torch.bfloat16", X.view_as_float U8, …
// Source: hqq `core/quantize.py`, `core/bitpack.py`.
import Safetensors

extension QuantizedFormat {
  static let hqq = QuantizedFormat { stored throws(QuantizedFault) in
    guard let module = stored.stem(".W_q") else { return nil }
    return try Slabs(stored, module).weight()
  }
}

private struct Slabs {
  let stored: StoredTensor
  let module: String
  let form = "HQQ"

  init(_ stored: StoredTensor, _ module: String) {
    self.stored = stored
    self.module = module
  }

  func weight() throws(QuantizedFault) -> QuantizedWeight {
    let shape = try integers("shape")
    guard shape.count == 2, shape.allSatisfy({ $0 > 0 && $0 < 1 << 31 }) else {
      throw unfit("shape", "[out, in]", "\(shape)")
    }
    let packing = try text("packing")
    let kinds = [
      "8bit_u8": (8, 1, 1), "4bit_u8": (4, 2, 1), "2bit_u8": (2, 4, 1), "1bit_u8": (1, 8, 1),
      "3bit_32": (3, 10, 4),
    ]
    guard let (bits, slabs, size) = kinds[packing] else {
      throw .notRead(
        tensor: stored.name, method: "HQQ packed as \(packing)",
        advice: "use the base that it was quantised from")
    }
    for key in ["quant_scale", "quant_zero"] where stored.beside(module + "." + key) != nil {
      guard try integers(key).allSatisfy({ $0 == 0 }) else {
        throw .notRead(
          tensor: stored.name, method: "HQQ with quantised scales or zero points",
          advice: "use the base that it was quantised from")
      }
    }
    guard let dtype = DType(torch: try text("compute_dtype")) else {
      throw unfit("compute_dtype", "a dtype", try text("compute_dtype"))
    }
    let axis = try integers("axis").first ?? -1
    let scale = try stored.companion(module + ".scale", form)
    let zero = try stored.companion(module + ".zero", form)
    let groups = scale.shape.reduce(1, *)
    let count = shape[0] * shape[1]
    guard axis == 0 || axis == 1, groups > 0, count % groups == 0 else {
      throw unfit("scale", "a scale for each group", "\(scale.shape)")
    }
    try stored.check(scale, form, [.f16, .bf16, .f32], axis == 1 ? [groups, 1] : [1, groups])
    try stored.check(zero, form, [scale.dtype], scale.shape)
    let (rows, columns) = axis == 1 ? (groups, count / groups) : (count / groups, groups)
    let byteCount = (rows + slabs - 1) / slabs * columns * size
    guard stored.tensor.byteCount == Int64(byteCount) else {
      throw .unfit(
        tensor: stored.name, form: form, expected: "\(byteCount) bytes",
        found: "\(stored.tensor.byteCount)")
    }
    return QuantizedWeight(
      module + ".weight", shape, dtype, form: "slabs", title: "\(form) \(bits) bit",
      operands: [.init("codes", stored.tensor), .init("scale", scale), .init("zeros", zero)],
      numbers: [
        "bits": Double(bits), "slabs": Double(slabs), "size": Double(size), "axis": Double(axis),
        "groups": Double(groups),
      ], beside: stored.present(Self.descriptions.map { module + "." + $0 }))
  }

  private func unfit(_ key: String, _ expected: String, _ found: String) -> QuantizedFault {
    .unfit(tensor: module + "." + key, form: form, expected: expected, found: found)
  }

  private func bytes(_ key: String) throws(QuantizedFault) -> ([UInt8], DType) {
    let tensor = try stored.companion(module + "." + key, form)
    return (try stored.base.description(tensor, form), tensor.dtype)
  }

  private func text(_ key: String) throws(QuantizedFault) -> String {
    String(decoding: try bytes(key).0, as: UTF8.self)
  }

  private func integers(_ key: String) throws(QuantizedFault) -> [Int] {
    let (bytes, dtype) = try bytes(key)
    let size = dtype.bitCount / 8
    return stride(from: 0, to: bytes.count, by: max(1, size)).map { start in
      bytes[start..<min(bytes.count, start + size)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
  }

  private static let descriptions = [
    "nbits", "group_size", "shape", "axis", "packing", "unpack_view_dtype", "view_as_float",
    "quant_scale", "quant_zero", "compute_dtype", "offload_meta", "encoded_state_dict",
    "stores_quant_config", "channel_wise", "optimize", "round_zero",
  ]
}
