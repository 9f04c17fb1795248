// FRoD: the weight in a basis that all weights of its category share, with a sparse and a diagonal
// part that were trained.
import Safetensors

extension Family {
  /// `frod_lambda_l`, `frod_lambda_s_values (k)` of a module; of its category `frod_V.c (in,in)`,
  /// `frod_s_indices.c (2,k)`, `frod_s_size.c`: with U = W·V⁻ᵀ, its columns at length 1,
  /// W' = U·(S + diag(λ))·Vᵀ.
  /// Source: PEFT `tuners/frod/layer.py`, `tuners/frod/model.py`.
  static let frod = Family(
    kind: "FROD", leaves: ["frod_lambda_l", "frod_lambda_s_values"],
    shared: ["frod_V.?", "frod_s_indices.?", "frod_s_size.?"],
    keys: [
      "projection_prng_key", "save_projection", "frod_dropout", "init_weights", "sparse_rate",
      "regularization_alpha", "progressbar", "runtime_offload_base_weight",
    ],
    updates: { module throws(AdapterError) in
      let category = module.category
      guard module.shared["frod_V." + category] != nil else {
        throw module.unsaved("the basis of \(category)")
      }
      let basis = try module.tensor("frod_V." + category, dimensions: 2)
      let places = try module.tensor("frod_s_indices." + category, dimensions: 2)
      let sizes = try module.tensor("frod_s_size." + category)
      let diagonal = try module.tensor("frod_lambda_l", dimensions: 1)
      let values = try module.tensor("frod_lambda_s_values", dimensions: 1)
      let columns = basis.shape[0]
      try module.check(basis, [columns, columns])
      try module.check(diagonal, [columns])
      try module.check(places, [2, values.shape[0]])
      try module.check(sizes, [2])
      var update = WeightUpdate(
        "basis",
        [
          ("basis", basis), ("diagonal", diagonal), ("values", values), ("places", places),
          ("sizes", sizes),
        ], origin: "frod, basis of \(category)", expected: "… × \(columns)"
      ) { $0.columns == columns }
      update.rowsTogether = nil
      return [update]
    })
}

extension FamilyModule {
  /// What FRoD calls modules that play the same part in every layer: the last two segments, less a
  /// number; BERT's attention output has a name of its own.
  fileprivate var category: String {
    let parts = path.split(separator: ".").map(String.init)
    guard parts.count > 1, Int(parts[parts.count - 2]) == nil else { return parts.last! }
    let name = parts.suffix(2).joined(separator: "_")
    return name == "output_dense" && parts.dropLast(2).last == "attention"
      ? "attention_output" : name
  }
}
