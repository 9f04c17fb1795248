// DeLoRA: a low-rank pair of unit directions, with one strength and the base's own norms.
import Safetensors

extension Family {
  /// `delora_A (r,in)`, `delora_B (out,r)`, `delora_lambda (1)`, `delora_w_norm (in)`:
  /// Δ = B·diag(λ / (r·max(‖A_i‖, 1e−4)·max(‖B_i‖, 1e−4)))·A·diag(w_norm).
  /// Source: PEFT `tuners/delora/layer.py`.
  static let delora = Family(
    kind: "DELORA", leaves: ["delora_A", "delora_B", "delora_lambda", "delora_w_norm"],
    keys: [
      "r", "delora_lambda", "module_dropout", "init_weights", "rank_pattern", "lambda_pattern",
    ],
    updates: { module throws(AdapterError) in
      let a = try module.tensor("delora_A", dimensions: 2)
      let b = try module.tensor("delora_B", dimensions: 2)
      let lambda = try module.tensor("delora_lambda")
      let norms = try module.tensor("delora_w_norm", dimensions: 1)
      try module.check(b, [b.shape[0], a.shape[0]])
      try module.check(norms, [a.shape[1]])
      guard lambda.shape.reduce(1, *) == 1 else { throw module.wrong(lambda, "[1]") }
      return [
        WeightUpdate(
          "product", [("left", b), ("right", a), ("length", lambda), ("columns", norms)],
          numbers: ["scale": 1], origin: "delora rank \(a.shape[0])",
          expected: "\(b.shape[0]) × \(a.shape[1])"
        ) { $0.rows == b.shape[0] && $0.columns == a.shape[1] }
      ]
    })
}
