// VeRA: one random pair for all layers, scaled by two trained vectors in each.
import Safetensors

extension Family {
  /// `vera_lambda_b (out)`, `vera_lambda_d (r)` and, for all, `vera_A (r, in max)`, `vera_B (out
  /// max, r)`: Δ = diag(b)·B[:out]·diag(d)·A[:, :in].
  /// Source: PEFT `tuners/vera/layer.py`.
  static let vera = Family(
    kind: "VERA", leaves: ["vera_lambda_b", "vera_lambda_d"], shared: ["vera_A", "vera_B"],
    keys: [
      "r", "d_initial", "init_weights", "projection_prng_key", "save_projection", "vera_dropout",
    ],
    updates: { module throws(AdapterError) in
      let b = try module.tensor("vera_lambda_b", dimensions: 1)
      let d = try module.tensor("vera_lambda_d", dimensions: 1)
      guard module.shared["vera_A"] != nil || module.shared["vera_B"] != nil else {
        return [try module.drawn(b, d, rank: d.shape[0])]
      }
      let right = try module.tensor("vera_A", dimensions: 2)
      let left = try module.tensor("vera_B", dimensions: 2)
      let (rows, rank) = (b.shape[0], d.shape[0])
      guard right.shape[0] == rank else { throw module.wrong(right, "[\(rank), …]") }
      guard left.shape[1] == rank, left.shape[0] >= rows else {
        throw module.wrong(left, "[\(rows) or more, \(rank)]")
      }
      return [
        WeightUpdate(
          "product", [("left", left), ("right", right), ("middle", d), ("rows", b)],
          numbers: ["scale": 1], origin: "vera rank \(rank)",
          expected: "\(rows) × at most \(right.shape[1])"
        ) { $0.rows == rows && $0.columns <= right.shape[1] }
      ]
    })
}

extension FamilyModule {
  /// The update whose random pair was not saved and is drawn again; see `DrawnProductRule`. `rows`
  /// is how many rows the right factor was drawn with, of which the first `rank` count.
  func drawn(
    _ b: AdapterTensor, _ d: AdapterTensor, rank: Int
  ) throws(AdapterError) -> WeightUpdate {
    let rows = b.shape[0]
    var update = WeightUpdate(
      "drawnProduct", [("middle", d), ("rows", b)],
      numbers: [
        "rank": Double(rank), "drawn": Double(d.shape[0]),
        "seed": Double(try int("projection_prng_key", 0)),
      ], origin: "\(config.kind.lowercased()) rank \(rank), projection drawn again",
      expected: "\(rows) × …"
    ) { $0.rows == rows }
    update.needsLargest = true
    return update
  }
}
