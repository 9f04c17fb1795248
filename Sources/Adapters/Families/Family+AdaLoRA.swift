// AdaLoRA: a low-rank pair with a diagonal of trained singular values between.
import Safetensors

extension Family {
  /// `lora_A (r,in)`, `lora_B (out,r)`, `lora_E (r,1)`: Δ = B·(A ∘ E) · alpha / (init_r + 1e-5).
  /// The file's ranks are what pruning left; the divisor is not.
  /// Source: PEFT `tuners/adalora/layer.py`.
  static let adaLoRA = Family(
    kind: "ADALORA", leaves: ["lora_A", "lora_B", "lora_E"],
    keys: [
      "r", "init_r", "lora_alpha", "rank_pattern", "alpha_pattern", "beta1", "beta2", "deltaT",
      "init_lora_weights", "orth_reg_weight", "target_r", "tfinal", "tinit", "total_step",
    ],
    updates: { module throws(AdapterError) in
      let a = try module.tensor("lora_A", dimensions: 2)
      let b = try module.tensor("lora_B", dimensions: 2)
      let e = try module.tensor("lora_E")
      let rank = a.shape[0]
      try module.check(b, [b.shape[0], rank])
      try module.check(e, [rank, 1])
      let alpha = try module.number("lora_alpha", 0)
      let initial = try module.int("init_r", 12)
      let scaling = alpha > 0 ? alpha : Double(rank)
      return [
        WeightUpdate(
          "product", [("left", b), ("right", a), ("middle", e)],
          numbers: ["scale": scaling / (Double(initial) + 1e-5)],
          origin: "adalora rank \(rank), \(scaling) / init_r \(initial)",
          expected: "\(b.shape[0]) × \(a.shape[1])"
        ) { $0.rows == b.shape[0] && $0.columns == a.shape[1] }
      ]
    })
}
