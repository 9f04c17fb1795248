// DEFT: what of the weight lies in a trained subspace is exchanged.
import Safetensors

extension Family {
  /// `deft_P (out,r)`, `deft_R (r,in)`: Δ = Q·(c·R − Tᵀ·W) with Q = P and T = max(P, 0), or both
  /// the orthonormal factor of P ("qr"); c = alpha/r, or 1; with `para` Δ = −Q·Tᵀ·W.
  /// Source: PEFT `tuners/deft/layer.py`.
  static let deft = Family(
    kind: "DEFT", leaves: ["deft_P", "deft_R"],
    keys: [
      "r", "decomposition_method", "init_scale", "alpha", "para", "deft_dropout", "init_weights",
    ],
    updates: { module throws(AdapterError) in
      let p = try module.tensor("deft_P", dimensions: 2)
      let (rows, rank) = (p.shape[0], p.shape[1])
      let isPara = try module.flag("para")
      let method = try module.choice("decomposition_method", "relu", of: ["relu", "qr"])
      var operands: [(role: String, tensor: AdapterTensor)] = [("p", p)]
      if let r = module.tensors["deft_R"] {
        guard r.shape.count == 2, r.shape[0] == rank else { throw module.wrong(r, "[\(rank), in]") }
        operands.append(("r", r))
      } else if !isPara {
        _ = try module.tensor("deft_R")
      }
      // An alpha of 0 is none.
      let alpha = try module.members.double("alpha").flatMap { $0 == 0 ? nil : $0 }
      let columns = module.tensors["deft_R"]?.shape[1]
      var update = WeightUpdate(
        "subspace", operands,
        numbers: [
          "scale": alpha.map { $0 / Double(rank) } ?? 1, "qr": method == "qr" ? 1 : 0,
          "para": isPara ? 1 : 0,
        ], origin: "deft rank \(rank), \(method)",
        expected: "\(rows) × \(columns.map(String.init) ?? "…")"
      ) { $0.rows == rows && (columns ?? $0.columns) == $0.columns }
      update.rowsTogether = nil
      return [update]
    })
}
