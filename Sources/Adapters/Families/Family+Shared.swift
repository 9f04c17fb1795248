// Kinds whose trained numbers are shared by all layers: TinyLoRA, Uni-LoRA, PVeRA.
import Safetensors

extension Family {
  /// `tinylora_A (r,in)`, `tinylora_B (out,r)`, `tinylora_P (u,r,r)` of a module and `tinylora_v.g
  /// (u)` of a group of modules: Δ = B·(Σ v_i·P_i)·A.
  /// Source: PEFT `tuners/tinylora/layer.py`.
  static let tinylora = Family(
    kind: "TINYLORA", leaves: ["tinylora_A", "tinylora_B", "tinylora_P"],
    shared: ["tinylora_v.*"],
    keys: [
      "r", "u", "weight_tying", "projection_seed", "save_projection", "init_v_bound",
      "tinylora_dropout", "init_weights",
    ],
    updates: { module throws(AdapterError) in
      let a = try module.tensor("tinylora_A", dimensions: 2)
      let b = try module.tensor("tinylora_B", dimensions: 2)
      guard module.tensors["tinylora_P"] != nil else { throw module.unsaved("the projections") }
      let p = try module.tensor("tinylora_P", dimensions: 3)
      let rank = a.shape[0]
      try module.check(b, [b.shape[0], rank])
      try module.check(p, [p.shape[0], rank, rank])
      // Groups are numbered, and a module's group follows from its number in the model, which the
      // rule finds out by what its projections were drawn with.
      let groups = module.shared.keys.filter { $0.hasPrefix("tinylora_v.") }.count
      var operands = [("left", b), ("right", a), ("mixers", p)]
      for group in 0..<groups {
        let shares = try module.tensor("tinylora_v.\(group)")
        try module.check(shares, [p.shape[0]])
        operands.append(("shares\(group)", shares))
      }
      let update = WeightUpdate(
        "mixedProduct", operands,
        numbers: [
          "seed": Double(try module.int("projection_seed", 42)),
          "tying": try module.number("weight_tying", 0), "modules": Double(module.siblings),
        ], origin: "tinylora rank \(rank), \(p.shape[0]) shares",
        expected: "\(b.shape[0]) × \(a.shape[1])"
      ) { $0.rows == b.shape[0] && $0.columns == a.shape[1] }
      return [update]
    })

  /// `unilora_indices_A (r,in)`, `unilora_indices_B (out,r)`, `unilora_scales_A`,
  /// `unilora_scales_B` of a module and `unilora_theta_d` of all: A = θ[indices]·scales, B
  /// likewise, Δ = B·A.
  /// Source: PEFT `tuners/unilora/layer.py`.
  static let unilora = Family(
    kind: "UNILORA",
    leaves: [
      "unilora_indices_A", "unilora_indices_B", "unilora_scales_A", "unilora_scales_B",
    ],
    shared: ["unilora_theta_d"],
    lacking: (
      "save_indices", "false",
      "which numbers of the vector go where is not in the file; save the adapter with "
        + "save_indices=True"
    ),
    keys: [
      "r", "proj_seed", "theta_d_length", "unilora_dropout", "init_theta_d_bound", "init_weights",
      "save_indices",
    ],
    updates: { module throws(AdapterError) in
      let theta = try module.tensor("unilora_theta_d", dimensions: 1)
      let indicesA = try module.tensor("unilora_indices_A", dimensions: 2)
      let indicesB = try module.tensor("unilora_indices_B", dimensions: 2)
      let scalesA = try module.tensor("unilora_scales_A", dimensions: 2)
      let scalesB = try module.tensor("unilora_scales_B", dimensions: 2)
      try module.check(scalesA, indicesA.shape)
      try module.check(scalesB, indicesB.shape)
      let (rows, columns) = (indicesB.shape[0], indicesA.shape[1])
      try module.check(indicesB, [rows, indicesA.shape[0]])
      return [
        WeightUpdate(
          "gatheredProduct",
          [
            ("theta", theta), ("indicesA", indicesA), ("indicesB", indicesB), ("scalesA", scalesA),
            ("scalesB", scalesB),
          ], origin: "unilora rank \(indicesA.shape[0])", expected: "\(rows) × \(columns)"
        ) { $0.rows == rows && $0.columns == columns }
      ]
    })

  /// `pvera_lambda_b (out)`, `pvera_lambda_d (2r)` and, for all, `pvera_A (2r, …)`, `pvera_B (…,
  /// r)`: as VeRA, with the first halves, which are the means.
  /// Source: PEFT `tuners/pvera/layer.py`.
  static let pvera = Family(
    kind: "PVERA", leaves: ["pvera_lambda_b", "pvera_lambda_d"], shared: ["pvera_A", "pvera_B"],
    keys: [
      "r", "projection_prng_key", "save_projection", "pvera_dropout", "d_initial", "init_weights",
      "sample_at_inference", "generator_seed",
    ],
    updates: { module throws(AdapterError) in
      let b = try module.tensor("pvera_lambda_b", dimensions: 1)
      let d = try module.tensor("pvera_lambda_d", dimensions: 1)
      guard module.shared["pvera_A"] != nil || module.shared["pvera_B"] != nil else {
        guard d.shape[0] % 2 == 0 else { throw module.wrong(d, "[2r]") }
        return [try module.drawn(b, d, rank: d.shape[0] / 2)]
      }
      let right = try module.tensor("pvera_A", dimensions: 2)
      let left = try module.tensor("pvera_B", dimensions: 2)
      let (rows, rank) = (b.shape[0], left.shape[1])
      try module.check(d, [2 * rank])
      guard right.shape[0] == 2 * rank else { throw module.wrong(right, "[\(2 * rank), …]") }
      return [
        WeightUpdate(
          "product", [("left", left), ("right", right), ("middle", d), ("rows", b)],
          numbers: ["scale": 1], origin: "pvera rank \(rank)",
          expected: "\(rows) × at most \(right.shape[1])"
        ) { $0.rows == rows && $0.rows <= left.shape[0] && $0.columns <= right.shape[1] }
      ]
    })
}
