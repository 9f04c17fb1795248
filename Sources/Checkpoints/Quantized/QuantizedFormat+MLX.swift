// MLX: codes in words of 32 bits along a row, the lowest bits first, with a scale and a bias for
// each group of them; embeddings and heads too. Other modes have small floats instead and no bias.
// The config tells the bits, for single modules where they differ.
//
//   X.weight U32 [out, in·bits/32]    X.scales F16 [out, groups]    X.biases F16 [out, groups]
//   {"quantization": {"group_size": 64, "bits": 4, "model.layers.0.mlp": {"bits": 8, …}}}
// Source: mlx `ops.cpp` (dequantize), mlx-lm `utils.py`.
import OrderedJSON
import Safetensors

extension QuantizedFormat {
  static let mlx = QuantizedFormat { stored throws(QuantizedFault) in
    guard stored.tensor.dtype == .u32, let module = stored.stem(".weight"),
      let scales = stored.beside(module + ".scales")
    else { return nil }
    let biases = stored.beside(module + ".biases") ?? stored.beside(module + ".qbiases")
    return try WordRows(stored, module, scales, biases).weight()
  }
}

private struct WordRows {
  let stored: StoredTensor
  let module: String
  let scales: BaseTensor
  let biases: BaseTensor?

  init(
    _ stored: StoredTensor, _ module: String, _ scales: BaseTensor, _ biases: BaseTensor?
  ) {
    self.stored = stored
    self.module = module
    self.scales = scales
    self.biases = biases
  }

  private func parameter(_ key: String) -> JSON? {
    let section = stored.config.section
    return section[module]?[key] ?? section[key]
  }

  func weight() throws(QuantizedFault) -> QuantizedWeight {
    let mode = parameter("mode")?.text ?? "affine"
    let usual = ["mxfp4": (4, 32), "mxfp8": (8, 32), "nvfp4": (4, 16)][mode]
    let title = "MLX \(mode)"
    guard mode == "affine" || usual != nil else { throw stored.parameter("mode", mode, "MLX") }
    let bits = parameter("bits")?.int ?? usual?.0 ?? 4
    let group = parameter("group_size")?.int ?? usual?.1 ?? 64
    guard [2, 3, 4, 5, 6, 8].contains(bits), usual == nil || bits == usual?.0 else {
      throw stored.parameter("bits", "\(bits)", title)
    }
    guard group > 0, usual == nil || group == usual?.1 else {
      throw stored.parameter("group_size", "\(group)", title)
    }
    let words = stored.tensor.shape
    guard words.count >= 2, let width = words.last, width * 32 % bits == 0 else {
      throw .unfit(tensor: stored.name, form: title, expected: "whole rows", found: "\(words)")
    }
    let columns = width * 32 / bits
    let shape = words.dropLast() + [columns]
    let grid = words.dropLast() + [(columns + group - 1) / group]
    let operands: [QuantizedWeight.Operand] = [
      .init("codes", stored.tensor), .init("scale", scales),
    ]
    if usual != nil {
      try stored.check(scales, title, [.u8], Array(grid))
      guard biases == nil else { throw stored.parameter("mode", mode, "MLX with biases") }
      return floats(Array(shape), operands, mode, title)
    }
    guard let biases else {
      throw .lacks(tensor: stored.name, form: title, companion: module + ".biases")
    }
    try stored.check(scales, title, [.f16, .bf16, .f32], Array(grid))
    try stored.check(biases, title, [scales.dtype], Array(grid))
    return QuantizedWeight(
      stored.name, Array(shape), scales.dtype, form: "biasedRows",
      title: "\(title) \(bits) bit", operands: operands + [.init("bias", biases)],
      numbers: ["bits": Double(bits), "group": Double(group)])
  }

  private func floats(
    _ shape: [Int], _ operands: [QuantizedWeight.Operand], _ mode: String, _ title: String
  ) -> QuantizedWeight {
    switch mode {
    case "mxfp8":
      QuantizedWeight(
        stored.name, shape, .bf16, form: "scaledCodes", title: title, operands: operands,
        numbers: ["blockRows": 1, "blockColumns": 32])
    default:
      QuantizedWeight(
        stored.name, shape, .bf16, form: "fourBitFloats", title: title, operands: operands,
        numbers: [
          "group": mode == "nvfp4" ? 16 : 32, "scaleIsFloat": mode == "nvfp4" ? 1 : 0,
        ])
    }
  }
}
