// GLoRA: weight and bias are scaled and shifted along five paths.
import Safetensors

extension Family {
  /// `glora_A`, …, `glora_E`, each a pair `.Xd·.Xu`, a vector or a number `.X`, or left out:
  /// W' = W + W∘A + B, b' = b + b∘D + E + W·C.
  /// Source: PEFT `tuners/glora/layer.py`.
  static let glora = Family(
    kind: "GLORA",
    leaves: ["A", "B", "C", "D", "E"].flatMap { path in
      ["Xd", "Xu", "X", "zeros"].map { "glora_\(path).\($0)" }
    },
    spare: ["A", "B", "C", "D", "E"].map { "glora_\($0).zeros" },
    keys: ["r", "config_A_B", "config_C", "config_D_E", "init_weights"],
    updates: { module throws(AdapterError) in
      func path(_ name: String) -> [(role: String, tensor: AdapterTensor)] {
        ["Xd", "Xu", "X"].compactMap { part in
          module.tensors["glora_\(name).\(part)"].map { (name + part, $0) }
        }
      }
      let weight = path("A") + path("B")
      let bias = path("D") + path("E")
      var updates: [WeightUpdate] = []
      let rows = weight.first { $0.tensor.shape.count == 2 && $0.role.hasSuffix("d") }?.tensor
        .shape[0]
      let columns = weight.first { $0.role.hasSuffix("u") }?.tensor.shape[1]
      if !weight.isEmpty {
        updates.append(
          WeightUpdate(
            "scaleAndShift", weight, origin: "glora",
            expected: "\(rows.map(String.init) ?? "…") × \(columns.map(String.init) ?? "…")"
          ) { $0.rows == rows ?? $0.rows && $0.columns == columns ?? $0.columns })
      }
      let taken = path("C")
      if !bias.isEmpty || !taken.isEmpty {
        var update = WeightUpdate(
          "scaleAndShift",
          bias.map { (["D": "A", "E": "B"][$0.role.prefix(1)]! + $0.role.dropFirst(), $0.tensor) }
            + taken, origin: "glora", expected: "a bias"
        ) { $0.columns == 1 }
        update.target = .bias
        update.readsWeight = !taken.isEmpty
        updates.append(update)
      }
      return updates
    })
}
