// AWQ: whole numbers of four bits in one of three layouts, which the config names.
//
//   gemm       X.qweight I32 [in, out/8], nibbles of a word in the order 0 2 4 6 1 3 5 7;
//              X.qzeros I32 [groups, out/8] likewise; X.scales F16 [groups, out]
//   gemv       X.qweight I32 [out, in/8], nibbles in order; X.qzeros I32 [out, z] and
//              X.scales F16 [out, 8·z] with padding behind the groups
//   gemv_fast  X.qweight I16 [out/4, in] in tiles; X.scales and X.qzeros (or X.scaled_zeros) F16
//              [8·z, out], the zeros times the scales already
// Source: AutoAWQ `modules/linear/gemm.py`, `gemv.py`, `gemv_fast.py`; llm-awq `qmodule.py`.
import Safetensors

extension QuantizedFormat {
  static let awq = QuantizedFormat { stored throws(QuantizedFault) in
    guard let module = stored.stem(".qweight"), stored.beside(module + ".scales") != nil else {
      return nil
    }
    guard Packing(stored.config) == .awq else {
      throw .notRead(
        tensor: stored.name, method: stored.config.method ?? "qweight without a method",
        advice: "name gptq or awq as quant_method in config.json, if it is one of them")
    }
    return try ActivationAware(stored, module).weight()
  }
}

private struct ActivationAware {
  let stored: StoredTensor
  let module: String
  let form = "AWQ"

  init(_ stored: StoredTensor, _ module: String) {
    self.stored = stored
    self.module = module
  }

  func weight() throws(QuantizedFault) -> QuantizedWeight {
    let bits = stored.config.int("bits", "w_bit") ?? 4
    guard bits == 4 else { throw stored.parameter("bits", "\(bits)", form) }
    guard stored.tensor.shape.count == 2 else {
      throw .unfit(
        tensor: stored.name, form: form, expected: "2 dimensions",
        found: "\(stored.tensor.shape)")
    }
    let scales = try stored.companion(module + ".scales", form)
    guard scales.shape.count == 2 else {
      throw .unfit(
        tensor: scales.name, form: form, expected: "2 dimensions", found: "\(scales.shape)")
    }
    let version = stored.config.text("version")?.lowercased() ?? "gemm"
    let isFast = stored.tensor.dtype == .i16
    switch version {
    case "gemv" where !isFast: return try gemv(scales)
    case "gemm" where !isFast: return try gemm(scales)
    case _ where isFast: return try fast(scales)
    default: throw stored.parameter("version", version, form)
    }
  }

  private func group(_ columns: Int) throws(QuantizedFault) -> Int {
    let size = stored.config.int("group_size", "q_group_size") ?? 128
    guard size == -1 || size > 0 else { throw stored.parameter("group_size", "\(size)", form) }
    return size == -1 ? columns : size
  }

  private func gemm(_ scales: BaseTensor) throws(QuantizedFault) -> QuantizedWeight {
    let (columns, rows) = (stored.tensor.shape[0], scales.shape[1])
    let group = try group(columns)
    let groups = (columns + group - 1) / group
    let zeros = try stored.companion(module + ".qzeros", form)
    try stored.check(stored.tensor, form, [.i32], [columns, (rows + 7) / 8])
    try stored.check(zeros, form, [.i32], [groups, (rows + 7) / 8])
    try stored.check(scales, form, [.f16, .bf16], [groups, rows])
    return plain(
      "interleavedNibbles", rows, columns, scales, [.init("zeros", zeros)], group,
      isTransposed: true)
  }

  private func gemv(_ scales: BaseTensor) throws(QuantizedFault) -> QuantizedWeight {
    let (rows, columns) = (stored.tensor.shape[0], stored.tensor.shape[1] * 8)
    let group = try group(columns)
    let zeros = try stored.companion(module + ".qzeros", form)
    let words = paddedWords(columns, group)
    try stored.check(zeros, form, [.i32], [rows, words])
    try stored.check(scales, form, [.f16, .bf16], [rows, words * 8])
    return plain("rowNibbles", rows, columns, scales, [.init("zeros", zeros)], group)
  }

  private func fast(_ scales: BaseTensor) throws(QuantizedFault) -> QuantizedWeight {
    let (rows, columns) = (stored.tensor.shape[0] * 4, stored.tensor.shape[1])
    let group = try group(columns)
    let name = stored.beside(module + ".scaled_zeros") == nil ? ".qzeros" : ".scaled_zeros"
    let zeros = try stored.companion(module + name, form)
    let groups = paddedWords(columns, group) * 8
    guard columns % 64 == 0 else {
      throw .unfit(
        tensor: stored.name, form: form, expected: "a multiple of 64 columns", found: "\(columns)")
    }
    try stored.check(zeros, form, [.f16, .bf16], [groups, rows])
    try stored.check(scales, form, [.f16, .bf16], [groups, rows])
    return plain("tiledNibbles", rows, columns, scales, [.init("zeros", zeros)], group)
  }

  /// Words of four-bit zero points of a row, padded as the kernels of this layout want them.
  private func paddedWords(_ columns: Int, _ group: Int) -> Int {
    let multiple = group >= 128 ? 1 : group >= 64 ? 2 : 4
    let words = ((columns + group - 1) / group + 7) / 8
    return (words + multiple - 1) / multiple * multiple
  }

  private func plain(
    _ decoder: String, _ rows: Int, _ columns: Int, _ scales: BaseTensor,
    _ more: [QuantizedWeight.Operand], _ group: Int, isTransposed: Bool = false
  ) -> QuantizedWeight {
    QuantizedWeight(
      module + ".weight", [rows, columns], scales.dtype, form: decoder, title: form,
      operands: [.init("codes", stored.tensor), .init("scale", scales)] + more,
      numbers: ["group": Double(group)], isTransposed: isTransposed)
  }
}
