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
      let groups = module.shared.keys.filter { $0.hasPrefix("tinylora_v.") }.sorted()
      guard groups.count == 1, let v = module.shared[groups[0]] else {
        throw .switchedOn(
          path: module.config.path, key: "weight_tying", value: "partial",
          reason: "the file does not say which of its \(groups.count) groups this module belongs "
            + "to; merge it with PEFT")
      }
      try module.check(v, [p.shape[0]])
      return [
        WeightUpdate(
          "mixedProduct", [("left", b), ("right", a), ("mixers", p), ("shares", v)],
          origin: "tinylora rank \(rank), \(p.shape[0]) shares",
          expected: "\(b.shape[0]) × \(a.shape[1])"
        ) { $0.rows == b.shape[0] && $0.columns == a.shape[1] }
      ]
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
      guard module.shared["pvera_A"] != nil, module.shared["pvera_B"] != nil else {
        throw module.unsaved("the random projection")
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
