// OSF: of the weight's singular directions the strongest stay, the others were trained.
import Safetensors

extension Family {
  /// `osf_svd_params.U_low (out,k)`, `.S_low (k)`, `.V_low (k,in)`: W' = W_high + U·diag(S)·V,
  /// W_high being W in its strongest min(out,in) − k singular directions.
  /// Source: PEFT `tuners/osf/layer.py`, `tuners/osf/utils.py`.
  static let osf = Family(
    kind: "OSF",
    leaves: ["osf_svd_params.U_low", "osf_svd_params.S_low", "osf_svd_params.V_low"],
    keys: ["effective_rank", "rank_pattern", "init_weights", "target_svd_config"],
    updates: { module throws(AdapterError) in
      let u = try module.tensor("osf_svd_params.U_low", dimensions: 2)
      let s = try module.tensor("osf_svd_params.S_low", dimensions: 1)
      let v = try module.tensor("osf_svd_params.V_low", dimensions: 2)
      let count = s.shape[0]
      try module.check(u, [u.shape[0], count])
      try module.check(v, [count, v.shape[1]])
      let (rows, columns) = (u.shape[0], v.shape[1])
      guard count <= min(rows, columns) else { throw module.wrong(s, "at most the weight's rank") }
      var strongest = WeightUpdate(
        "truncate", [("marker", s)],
        numbers: ["keeps": Double(min(rows, columns) - count)],
        origin: "osf keeps \(min(rows, columns) - count) directions",
        expected: "\(rows) × \(columns)"
      ) { $0.rows == rows && $0.columns == columns }
      strongest.rowsTogether = nil
      return [
        strongest,
        WeightUpdate(
          "product", [("left", u), ("right", v), ("middle", s)], numbers: ["scale": 1],
          origin: "osf, \(count) trained directions", expected: "\(rows) × \(columns)"
        ) { $0.rows == rows && $0.columns == columns },
      ]
    })
}
