// torchao's tensor subclasses, taken apart: the parts are tensors, what they are stands as JSON in
// the file's metadata, under the weight's name.
//
//   X._weight_qdata I8 [out, in]    X._weight_scale BF16 [out, 1]
//   X._weight_zero_point I8 [out, 1]
//   "X.weight": {"_type": "Int8Tensor", "_data": {"block_size": [1, 64], "dtype": …}, …}
// Source: torchao `prototype/safetensors`, `quantization/quantize_/workflows`.
import OrderedJSON
import Safetensors

extension QuantizedFormat {
  static let torchAO = QuantizedFormat { stored throws(QuantizedFault) in
    guard let module = stored.stem("._weight_qdata") else { return nil }
    return try TakenApart(stored, module).weight()
  }
}

private struct TakenApart {
  let stored: StoredTensor
  let module: String

  init(_ stored: StoredTensor, _ module: String) {
    self.stored = stored
    self.module = module
  }

  func weight() throws(QuantizedFault) -> QuantizedWeight {
    let json = try description()
    let type = json["_type"]?.text ?? ""
    guard ["Float8Tensor", "Int8Tensor", "IntxUnpackedToInt8Tensor"].contains(type) else {
      throw .notRead(
        tensor: module + ".weight", method: "torchao \(type)",
        advice: "use the base that it was quantised from")
    }
    let form = "torchao \(type)"
    let shape = stored.tensor.shape
    let scale = try stored.companion(module + "._weight_scale", form)
    let zero = stored.beside(module + "._weight_zero_point")
    guard shape.count == 2 else {
      throw .unfit(tensor: stored.name, form: form, expected: "2 dimensions", found: "\(shape)")
    }
    guard stored.beside(module + "._weight_act_pre_scale") == nil else {
      throw .notRead(
        tensor: module + ".weight", method: "\(form) with scaled activations",
        advice: "use the base that it was quantised from")
    }
    let data = json["_data"]
    let named = Self.list(data?["block_size"]).compactMap(\.int)
    let block = named.count == 2 ? named : try derived(scale, form)
    guard block.allSatisfy({ $0 > 0 }) else {
      throw stored.parameter("block_size", "\(block)", form)
    }
    let count = zip(shape, block).map { ($0 + $1 - 1) / $1 }.reduce(1, *)
    guard scale.shape.reduce(1, *) == count, zero.map({ $0.shape == scale.shape }) != false else {
      throw .unfit(
        tensor: scale.name, form: form, expected: "\(count) scales", found: "\(scale.shape)")
    }
    var operands: [QuantizedWeight.Operand] = [
      .init("codes", stored.tensor), .init("scale", scale),
    ]
    if let zero { operands.append(.init("zeros", zero)) }
    let dtype = DType(torch: data?["dtype"]?["_data"]?.text ?? "") ?? stored.config.resultDType
    return QuantizedWeight(
      module + ".weight", shape, dtype, form: "scaledCodes", title: form, operands: operands,
      numbers: [
        "blockRows": Double(block[0]), "blockColumns": Double(block[1]),
        "inScaleType": type == "Float8Tensor" ? 0 : 1,
      ],
      beside: stored.present(
        ["act_quant_scale", "act_quant_zero_point"].map { module + "._weight_" + $0 }))
  }

  /// A list as such, or as the JSON of a tuple.
  private static func list(_ json: JSON?) -> [JSON] {
    json?.elements ?? json?["_data"]?.elements ?? []
  }

  private func derived(_ scale: BaseTensor, _ form: String) throws(QuantizedFault) -> [Int] {
    let shape = stored.tensor.shape
    let grid = scale.shape.reduce(1, *) == 1 ? [1, 1] : scale.shape
    guard grid.count == 2, zip(shape, grid).allSatisfy({ $1 > 0 && $0 % $1 == 0 }) else {
      throw .unfit(
        tensor: scale.name, form: form, expected: "a scale for each block",
        found: "\(scale.shape)")
    }
    return zip(shape, grid).map { $0 / $1 }
  }

  private func description() throws(QuantizedFault) -> JSON {
    let name = module + ".weight"
    let text = stored.base.metadata.lazy.compactMap { $0[name] }.first ?? ""
    do { return try JSON(parsing: Array(text.utf8)) } catch {
      throw .unfit(
        tensor: stored.name, form: "torchao", expected: "JSON for \"\(name)\" in the metadata",
        found: text.isEmpty ? "none" : error.sentence)
    }
  }
}
