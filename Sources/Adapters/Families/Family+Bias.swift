// BEFT: biases alone are trained.
import Safetensors

extension Family {
  /// `beft_bias (1,out)`: b' = b + value. The base must have the bias.
  /// Source: PEFT `tuners/beft/layer.py`.
  static let beft = Family(
    kind: "BEFT", leaves: ["beft_bias"], keys: ["init_weights"],
    updates: { module throws(AdapterError) in
      let bias = try module.tensor("beft_bias")
      let count = bias.shape.reduce(1, *)
      var update = WeightUpdate(
        "addition", [("value", bias)], origin: "beft", expected: "\(count)"
      ) { $0.rows == count && $0.columns == 1 }
      update.target = .bias
      update.needsTarget = true
      return [update]
    })
}
