// LoHa: the elementwise product of two low-rank products.
import Safetensors

extension Family {
  /// `hada_w1_a (out,r)`, `hada_w1_b (r,in)`, the same of `w2`: Δ = (w1a·w1b) ∘ (w2a·w2b) ·
  /// alpha/r. With a Tucker core `hada_t1 (r,r,k…)` the outer factors are `(r,out)` and `(r,in)`.
  /// Source: PEFT `tuners/loha/layer.py`.
  static let loHa = Family(
    kind: "LOHA",
    leaves: ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"],
    keys: [
      "r", "alpha", "rank_pattern", "alpha_pattern", "init_weights", "module_dropout",
      "rank_dropout", "use_effective_conv2d",
    ],
    alphaKey: "alpha",
    updates: { module throws(AdapterError) in
      var operands: [(role: String, tensor: AdapterTensor)] = []
      var shapes: [WeightShape] = []
      for number in ["1", "2"] {
        let a = try module.tensor("hada_w\(number)_a", dimensions: 2)
        let b = try module.tensor("hada_w\(number)_b", dimensions: 2)
        operands += [("left" + number, a), ("right" + number, b)]
        guard let core = module.tensors["hada_t" + number] else {
          guard a.shape[1] == b.shape[0] else { throw module.wrong(b, "[\(a.shape[1]), …]") }
          shapes.append(WeightShape(rows: a.shape[0], columns: b.shape[1]))
          continue
        }
        guard core.shape.count > 2, core.shape[0] == a.shape[0], core.shape[1] == b.shape[0] else {
          throw module.wrong(core, "[\(a.shape[0]), \(b.shape[0]), kernel…]")
        }
        operands.append(("core" + number, core))
        // A one-dimensional kernel is saved as k × 1.
        let kernel = core.shape.dropFirst(2).filter { $0 != 1 }
        shapes.append(
          WeightShape(
            rows: a.shape[1], columns: b.shape[1] * kernel.reduce(1, *), kernel: kernel))
      }
      let shape = shapes[0]
      guard shapes[1] == shape else { throw module.wrong(operands[2].tensor, "as hada_w1_a") }
      return [
        WeightUpdate(
          "hadamard", operands, numbers: ["scale": module.scale.value],
          origin: "loha " + module.scale.origin, expected: "\(shape.rows) × \(shape.columns)"
        ) {
          $0.rows == shape.rows && $0.columns == shape.columns
            && (shape.kernel.isEmpty || shape.kernel == $0.kernel.filter { $0 != 1 })
        }
      ]
    })
}
