// GraLoRA: the weight is cut into N × N blocks, each with a pair of its own.
import Safetensors

extension Family {
  /// `gralora_A (N, in/N, r)`, `gralora_B (N, r, out/N)`: block (j, n) gets, with q = r/N, Σ_t A[n,
  /// i, jq+t]·B[j, nq+t, o]; perhaps `gralora_A_general`, `gralora_B_general` for a plain pair over
  /// all; times alpha / (r + hybrid_r).
  /// Source: PEFT `tuners/gralora/layer.py`.
  static let gralora = Family(
    kind: "GRALORA",
    leaves: [
      "gralora_A", "gralora_B", "gralora_A_general.weight", "gralora_B_general.weight",
    ],
    keys: ["r", "hybrid_r", "alpha", "gralora_dropout", "gralora_k", "init_weights"],
    updates: { module throws(AdapterError) in
      let a = try module.tensor("gralora_A", dimensions: 3)
      let b = try module.tensor("gralora_B", dimensions: 3)
      let (count, rank) = (a.shape[0], a.shape[2])
      guard count > 0, rank % count == 0 else {
        throw module.wrong(a, "[N, in/N, a multiple of N]")
      }
      try module.check(b, [count, rank, b.shape[2]])
      let (rows, columns) = (b.shape[2] * count, a.shape[1] * count)
      let hybrid = try module.int("hybrid_r", 0)
      let alpha = try module.number("alpha", 64)
      let scale = alpha / Double(rank + hybrid)
      var updates = [
        WeightUpdate(
          "blockPairs", [("a", a), ("b", b)], numbers: ["scale": scale],
          origin: "gralora \(count) × \(count), alpha \(alpha) / \(rank + hybrid)",
          expected: "\(rows) × \(columns)"
        ) { $0.rows == rows && $0.columns == columns }
      ]
      if module.tensors["gralora_A_general.weight"] != nil {
        let right = try module.tensor("gralora_A_general.weight", dimensions: 2)
        let left = try module.tensor("gralora_B_general.weight", dimensions: 2)
        try module.check(right, [hybrid, columns])
        try module.check(left, [rows, hybrid])
        updates.append(
          WeightUpdate(
            "product", [("left", left), ("right", right)], numbers: ["scale": scale],
            origin: "gralora, general rank \(hybrid)", expected: "\(rows) × \(columns)"
          ) { $0.rows == rows && $0.columns == columns })
      }
      return updates
    })
}
