// HRA: inputs are mirrored, one trained plane after the other.
import Safetensors

extension Family {
  /// `hra_u (in,r)`: W' = W·(I − 2û_0û_0ᵀ)···(I − 2û_{r−1}û_{r−1}ᵀ), û being u at length 1; with
  /// `apply_GS` the columns are made orthogonal first.
  /// Source: PEFT `tuners/hra/layer.py`.
  static let hra = Family(
    kind: "HRA", leaves: ["hra_u"], keys: ["r", "apply_GS", "init_weights"],
    updates: { module throws(AdapterError) in
      let planes = try module.tensor("hra_u", dimensions: 2)
      let columns = planes.shape[0]
      return [
        WeightUpdate(
          "reflections", [("planes", planes)],
          numbers: ["orthogonal": try module.flag("apply_GS") ? 1 : 0],
          origin: "hra, \(planes.shape[1]) planes", expected: "… × \(columns)"
        ) { $0.columns == columns }
      ]
    })
}
