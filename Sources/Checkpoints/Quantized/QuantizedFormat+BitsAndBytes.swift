// bitsandbytes. Four bits: codes of the flattened weight, two a byte, the even one above; an absmax
// for each block of them, itself in 8 bits where it is "nested". What the weight is stands in a
// small JSON of its own, whatever type the codes pretend to have.
//
//   X.weight                                   U8 [n/2, 1]
//   X.weight.absmax                            F32 [blocks], or U8 where nested
//   X.weight.quant_state.bitsandbytes__nf4     {"quant_type": "nf4", "blocksize": 64,
//                                               "dtype": "bfloat16", "shape": [64, 128], …}
//
// LLM.int8(): codes of eight bits and the largest magnitude of each row.
//
//   X.weight I8 [out, in]      X.SCB F32 [out]      X.weight_format U8 []
// Source: bitsandbytes `functional.py` (QuantState), `nn/modules.py`.
import OrderedJSON
import Safetensors

extension QuantizedFormat {
  static let bitsAndBytes4 = QuantizedFormat { stored throws(QuantizedFault) in
    for kind in ["nf4", "fp4"] {
      let name = stored.name + ".quant_state.bitsandbytes__" + kind
      guard let state = stored.beside(name) else { continue }
      return try NibbleState(stored, state, kind).weight()
    }
    if stored.stem(".weight") != nil, stored.beside(stored.name + "_quant_state") != nil {
      throw .notRead(
        tensor: stored.name, method: "GPTQModel's own layout of bitsandbytes",
        advice: "use the base that it was quantised from")
    }
    return nil
  }

  static let bitsAndBytes8 = QuantizedFormat { stored throws(QuantizedFault) in
    guard stored.tensor.dtype == .i8, let module = stored.stem(".weight"),
      let scale = stored.beside(module + ".SCB")
    else { return nil }
    let form = "bitsandbytes LLM.int8()"
    let shape = stored.tensor.shape
    guard shape.count == 2 else {
      throw .unfit(
        tensor: stored.name, form: form, expected: "2 dimensions", found: "\(shape)")
    }
    try stored.check(scale, form, [.f32], [shape[0]], [shape[0], 1])
    let layout = module + ".weight_format"
    if let tensor = stored.beside(layout) {
      let bytes = try stored.base.description(tensor, form)
      guard bytes.allSatisfy({ $0 == 0 }) else {
        throw .notRead(
          tensor: stored.name, method: "\(form) in a layout of tiles",
          advice: "save it anew with a bitsandbytes of 2023 or later")
      }
    }
    let isTransposed = stored.base.isConv1D(module)
    return QuantizedWeight(
      stored.name, isTransposed ? shape.reversed() : shape, stored.config.resultDType,
      form: "rowMaxima", title: form,
      operands: [.init("codes", stored.tensor), .init("scale", scale)],
      isTransposed: isTransposed, beside: stored.present([layout]))
  }
}

/// The JSON that describes a weight of four bits, held against the tensors around it.
private struct NibbleState {
  let stored: StoredTensor
  let json: JSON
  let kind: String
  let form: String
  let stateName: String

  init(_ stored: StoredTensor, _ state: BaseTensor, _ kind: String) throws(QuantizedFault) {
    self.stored = stored
    self.kind = kind
    form = "bitsandbytes \(kind.uppercased())"
    stateName = state.name
    let bytes = try stored.base.description(state, form)
    do { json = try JSON(parsing: bytes) } catch {
      throw .unfit(
        tensor: state.name, form: form, expected: "a JSON object", found: error.sentence)
    }
  }

  func weight() throws(QuantizedFault) -> QuantizedWeight {
    let shape = (json["shape"]?.elements ?? []).compactMap(\.int)
    guard shape.count == 2, shape.allSatisfy({ $0 > 0 && $0 < 1 << 31 }) else {
      throw unfit("a shape of two dimensions", json["shape"]?.compact ?? "none")
    }
    guard let dtype = DType(torch: json["dtype"]?.text ?? "") else {
      throw unfit("a dtype", json["dtype"]?.compact ?? "none")
    }
    let block = try size("blocksize")
    let count = shape[0] * shape[1]
    guard stored.tensor.byteCount == Int64((count + 1) / 2) else {
      throw .unfit(
        tensor: stored.name, form: form, expected: "\((count + 1) / 2) bytes",
        found: "\(stored.tensor.byteCount)")
    }
    let blocks = (count + block - 1) / block
    let absmax = try stored.companion(stored.name + ".absmax", form)
    var operands: [QuantizedWeight.Operand] = [
      .init("codes", stored.tensor), .init("absmax", absmax),
    ]
    var numbers = ["block": Double(block), "isFloat": kind == "fp4" ? 1 : 0]
    if absmax.dtype == .u8 {
      try stored.check(absmax, form, [.u8], [blocks])
      try readNested(blocks, &operands, &numbers)
    } else {
      try stored.check(absmax, form, [.f32], [blocks])
    }
    let endings = ["quant_map", "nested_absmax", "nested_quant_map"]
    let beside = stored.present(endings.map { stored.name + "." + $0 }) + [stateName]
    let module = stored.stem(".weight") ?? stored.name
    let isTransposed = stored.base.isConv1D(module)
    return QuantizedWeight(
      stored.name, isTransposed ? shape.reversed() : shape, dtype, form: "nibbles", title: form,
      operands: operands, numbers: numbers, isTransposed: isTransposed, beside: beside)
  }

  private func readNested(
    _ blocks: Int, _ operands: inout [QuantizedWeight.Operand],
    _ numbers: inout [String: Double]
  ) throws(QuantizedFault) {
    let block = try size("nested_blocksize")
    guard let offset = json["nested_offset"]?.double, offset.isFinite else {
      throw unfit("a nested_offset", json["nested_offset"]?.compact ?? "none")
    }
    let absmax = try stored.companion(stored.name + ".nested_absmax", form)
    let map = try stored.companion(stored.name + ".nested_quant_map", form)
    try stored.check(absmax, form, [.f32], [(blocks + block - 1) / block])
    try stored.check(map, form, [.f32], [256])
    operands += [.init("nestedAbsmax", absmax), .init("nestedMap", map)]
    numbers["nestedBlock"] = Double(block)
    numbers["nestedOffset"] = Double(Float(offset))
  }

  private func size(_ key: String) throws(QuantizedFault) -> Int {
    guard let size = json[key]?.int, size > 0, size <= 1 << 20, size % 2 == 0 else {
      throw unfit("an even \(key)", json[key]?.compact ?? "none")
    }
    return size
  }

  private func unfit(_ expected: String, _ found: String) -> QuantizedFault {
    .unfit(tensor: stateName, form: form, expected: expected, found: found)
  }
}
