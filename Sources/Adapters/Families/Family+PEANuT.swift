// PEANuT: the update is what a small network makes of the weight.
import Safetensors

extension Family {
  /// `peanut_A.weight (r,out)`, `peanut_B.weight (out,r)`, `peanut_encoders.i.weight`,
  /// `peanut_decoders.i.weight (r,r)`: h = act(Wᵀ·Aᵀ), through the encoders and back through the
  /// decoders with what was kept on the way; Δ = scaling·(h·Bᵀ)ᵀ.
  /// Source: PEFT `tuners/peanut/layer.py`.
  static let peanut = Family(
    kind: "PEANUT",
    leaves: [
      "peanut_A.weight", "peanut_B.weight", "peanut_encoders.*.weight",
      "peanut_decoders.*.weight",
    ],
    keys: ["r", "depth", "act_fn", "scaling", "init_weights"],
    updates: { module throws(AdapterError) in
      let a = try module.tensor("peanut_A.weight", dimensions: 2)
      let b = try module.tensor("peanut_B.weight", dimensions: 2)
      let (rank, rows) = (a.shape[0], a.shape[1])
      try module.check(b, [rows, rank])
      let act = try module.choice(
        "act_fn", "relu", of: ["relu", "silu", "swish", "gelu", "tanh", "sigmoid", "linear"])
      var operands: [(role: String, tensor: AdapterTensor)] = [("a", a), ("b", b)]
      let count = module.tensors.keys.count { $0.hasPrefix("peanut_encoders.") }
      for i in 0..<count {
        for (role, leaf) in [("encoder", "peanut_encoders"), ("decoder", "peanut_decoders")] {
          let tensor = try module.tensor("\(leaf).\(i).weight", dimensions: 2)
          try module.check(tensor, [rank, rank])
          operands.append(("\(role)\(i)", tensor))
        }
      }
      let activations = ["relu", "silu", "swish", "gelu", "tanh", "sigmoid", "linear"]
      var update = WeightUpdate(
        "network", operands,
        numbers: [
          "scale": try module.number("scaling", 1), "depth": Double(count),
          "act": Double(activations.firstIndex(of: act)!),
        ], origin: "peanut rank \(rank), \(act)", expected: "\(rows) × …"
      ) { $0.rows == rows }
      update.rowsTogether = nil
      return [update]
    })
}
