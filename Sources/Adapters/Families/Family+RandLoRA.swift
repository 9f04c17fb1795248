// RandLoRA: many random pairs for all layers, weighed by trained vectors, to a full rank.
import Safetensors

extension Family {
  /// `randlora_lambda (r,n)`, `randlora_gamma (n, min(out,in))` and, for all, `randlora_A (r,1,…)`,
  /// `randlora_B (…,n,r)`.
  /// Source: PEFT `tuners/randlora/layer.py`.
  static let randlora = Family(
    kind: "RANDLORA", leaves: ["randlora_lambda", "randlora_gamma", "randlora_A", "randlora_B"],
    shared: ["randlora_A", "randlora_B"], spare: ["randlora_A", "randlora_B"],
    keys: [
      "r", "projection_prng_key", "save_projection", "sparse", "very_sparse", "randlora_dropout",
      "randlora_alpha", "init_weights",
    ],
    updates: { module throws(AdapterError) in
      let lambda = try module.tensor("randlora_lambda", dimensions: 2)
      let gamma = try module.tensor("randlora_gamma", dimensions: 2)
      guard module.shared["randlora_A"] != nil, module.shared["randlora_B"] != nil else {
        throw module.unsaved("the random bases")
      }
      let a = try module.tensor("randlora_A", dimensions: 3)
      let b = try module.tensor("randlora_B", dimensions: 3)
      let (rank, count, least) = (lambda.shape[0], lambda.shape[1], gamma.shape[1])
      try module.check(gamma, [count, least])
      guard a.shape[0] == rank, a.shape[1] == 1, a.shape[2] >= least else {
        throw module.wrong(a, "[\(rank), 1, \(least) or more]")
      }
      guard b.shape[1] >= count, b.shape[2] == rank else {
        throw module.wrong(b, "[…, \(count) or more, \(rank)]")
      }
      let alpha = try module.number("randlora_alpha", 640)
      return [
        WeightUpdate(
          "randomBases", [("lambda", lambda), ("gamma", gamma), ("a", a), ("b", b)],
          numbers: ["scale": alpha / Double(rank)],
          origin: "randlora, \(count) bases of rank \(rank), alpha \(alpha)",
          expected: "\(least) and at most \(b.shape[0])"
        ) {
          min($0.rows, $0.columns) == least && max($0.rows, $0.columns) <= b.shape[0]
        }
      ]
    })
}

extension FamilyModule {
  /// The refusal of what `save_projection=False` left out.
  func unsaved(_ what: String) -> AdapterError {
    .switchedOn(
      path: config.path, key: "save_projection", value: "false",
      reason: "\(what) cannot be made again exactly; save the adapter with save_projection=True")
  }
}
