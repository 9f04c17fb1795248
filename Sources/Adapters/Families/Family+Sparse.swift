// Kinds that change single elements: SHiRA, Supertuning.
import Safetensors

extension Family {
  /// `shira_weight (k)`, `shira_indices (2,k)`: W[row, column] += value.
  /// Source: PEFT `tuners/shira/layer.py`.
  static let shira = Family(
    kind: "SHIRA", leaves: ["shira_weight", "shira_indices"],
    keys: ["r", "mask_type", "random_seed", "init_weights"],
    updates: { module throws(AdapterError) in
      let values = try module.tensor("shira_weight", dimensions: 1)
      let places = try module.tensor("shira_indices", dimensions: 2)
      let count = values.shape[0]
      try module.check(places, [2, count])
      return [
        WeightUpdate(
          "scatter", [("values", values), ("places", places)], origin: "shira, \(count) elements",
          expected: "\(count) elements or more"
        ) { $0.rows * $0.columns >= count }
      ]
    })

  /// `supertuning_values (k)`, `supertuning_indices (k)` into the weight as it is stored; perhaps a
  /// low-rank pair beside them with alpha/r.
  /// Source: PEFT `tuners/supertuning/layer.py`.
  static let supertuning = Family(
    kind: "SUPERTUNING",
    leaves: [
      "supertuning_values", "supertuning_indices", "supertuning_lora_A.weight",
      "supertuning_lora_B.weight",
    ],
    keys: [
      "sparsity", "select_top", "r", "lora_alpha", "init_weights", "save_precomputed_indices",
    ],
    updates: { module throws(AdapterError) in
      let values = try module.tensor("supertuning_values", dimensions: 1)
      guard module.tensors["supertuning_indices"] != nil else {
        throw .switchedOn(
          path: module.config.path, key: "save_precomputed_indices", value: "false",
          reason: "which elements were trained is not in the file; save the adapter with "
            + "save_precomputed_indices=True")
      }
      let places = try module.tensor("supertuning_indices", dimensions: 1)
      let count = values.shape[0]
      try module.check(places, [count])
      var updates = [
        WeightUpdate(
          "scatter", [("values", values), ("places", places)],
          origin: "supertuning, \(count) elements", expected: "\(count) elements or more"
        ) { $0.rows * $0.columns >= count }
      ]
      if module.tensors["supertuning_lora_A.weight"] != nil {
        let a = try module.tensor("supertuning_lora_A.weight", dimensions: 2)
        let b = try module.tensor("supertuning_lora_B.weight", dimensions: 2)
        try module.check(b, [b.shape[0], a.shape[0]])
        let alpha = try module.number("lora_alpha", Double(a.shape[0]))
        updates.append(
          WeightUpdate(
            "product", [("left", b), ("right", a)],
            numbers: ["scale": alpha / Double(a.shape[0])],
            origin: "lora_alpha \(alpha) / \(a.shape[0])",
            expected: "\(b.shape[0]) × \(a.shape[1])"
          ) { $0.rows == b.shape[0] && $0.columns == a.shape[1] })
      }
      return updates
    })
}
