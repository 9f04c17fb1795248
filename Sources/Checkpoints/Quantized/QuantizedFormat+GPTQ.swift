// GPTQ: whole numbers of 2, 3, 4 or 8 bits, packed along what goes in, with a scale and a zero
// point for each group of inputs and each output. The config tells the bits and whether zero points
// are stored less one (`gptq`, the old convention) or as they are (`gptq_v2`).
//
//   X.qweight I32 [in·bits/32, out]     X.qzeros I32 [groups, out·bits/32]
//   X.scales  F16 [groups, out]         X.g_idx  I32 [in], the group of each input
// Source: AutoGPTQ `qlinear_cuda_old.py`, GPTQModel `nn_modules/qlinear`.
import OrderedJSON
import Safetensors

extension QuantizedFormat {
  static let gptq = QuantizedFormat { stored throws(QuantizedFault) in
    guard let module = stored.stem(".qweight"), stored.tensor.dtype == .i32,
      stored.beside(module + ".scales") != nil, stored.beside(module + ".qzeros") != nil
    else { return nil }
    guard Packing(stored.config) == .gptq else { return nil }
    return try GroupedIntegers(stored, module).weight()
  }

  /// Whose packing of `qweight` a config means.
  enum Packing {
    case gptq, awq

    init?(_ config: QuantizationConfig) {
      let method = config.method ?? ""
      let packing = config.text("packing_format", "checkpoint_format")?.lowercased() ?? ""
      if method.hasPrefix("awq") || packing.hasSuffix("awq") {
        self = .awq
      } else if method.hasPrefix("gptq") || method.hasPrefix("auto-round")
        || method.hasPrefix("auto_round") || method.hasPrefix("intel/auto-round")
      {
        self = .gptq
      } else {
        return nil
      }
    }
  }
}

private struct GroupedIntegers {
  let stored: StoredTensor
  let module: String
  let form = "GPTQ"

  init(_ stored: StoredTensor, _ module: String) {
    self.stored = stored
    self.module = module
  }

  func weight() throws(QuantizedFault) -> QuantizedWeight {
    let bits = try bits()
    let zeros = try stored.companion(module + ".qzeros", form)
    let scales = try stored.companion(module + ".scales", form)
    let order = stored.beside(module + ".g_idx")
    guard scales.shape.count == 2, stored.tensor.shape.count == 2, scales.shape[0] > 0 else {
      throw .unfit(
        tensor: scales.name, form: form, expected: "2 dimensions", found: "\(scales.shape)")
    }
    let (groups, rows) = (scales.shape[0], scales.shape[1])
    let columns = order.map(\.shape[0]) ?? stored.tensor.shape[0] * 32 / bits
    let group = try groupSize(columns)
    try stored.check(
      stored.tensor, form, [.i32], [(columns * bits + 31) / 32, rows])
    try stored.check(scales, form, [.f16, .bf16, .f32], [(columns + group - 1) / group, rows])
    try stored.check(zeros, form, [.i32], [groups, (rows * bits + 31) / 32])
    var operands: [QuantizedWeight.Operand] = [
      .init("codes", stored.tensor), .init("zeros", zeros), .init("scale", scales),
    ]
    if let order {
      try stored.check(order, form, [.i32, .i64], [columns])
      operands.append(.init("order", order))
    } else if stored.config.flag("desc_act") == true, groups > 1 {
      throw .lacks(tensor: stored.name, form: form, companion: module + ".g_idx")
    }
    return QuantizedWeight(
      module + ".weight", [rows, columns], scales.dtype, form: "packedDown",
      title: "\(form) \(bits) bit", operands: operands,
      numbers: [
        "bits": Double(bits), "group": Double(group), "zeroShift": storesZerosLessOne ? 1 : 0,
        "isOrdered": stored.config.flag("desc_act") == true ? 1 : 0,
      ], isTransposed: true)
  }

  /// Those of the module, where the config has rules for single ones.
  private func bits() throws(QuantizedFault) -> Int {
    let bits = override("bits") ?? stored.config.int("bits", "wbits", "w_bit")
    guard let bits, [2, 3, 4, 8].contains(bits) else {
      throw stored.parameter("bits", bits.map { "\($0)" } ?? "missing", form)
    }
    return bits
  }

  private func groupSize(_ columns: Int) throws(QuantizedFault) -> Int {
    let size =
      override("group_size") ?? stored.config.int("group_size", "groupsize", "q_group_size")
    guard let size, size == -1 || size > 0 else {
      throw stored.parameter("group_size", size.map { "\($0)" } ?? "missing", form)
    }
    return size == -1 ? max(1, columns) : size
  }

  /// True for the old convention; sign and width of the words do not tell.
  private var storesZerosLessOne: Bool {
    let format = stored.config.text("checkpoint_format", "format")?.lowercased()
    return format != "gptq_v2" && stored.config.method != "gptq_v2"
  }

  /// GPTQModel's rules by module: expressions from the start of the path, the first that meets it.
  private func override(_ key: String) -> Int? {
    for rule in stored.config.section["dynamic"]?.members ?? [] {
      let bare = rule.key.hasPrefix("+:") ? String(rule.key.dropFirst(2)) : rule.key
      guard !rule.key.hasPrefix("-:"), stored.config.meets(bare, module) else { continue }
      return rule.value[key]?.int
    }
    return nil
  }
}
