// BOFT: rotations along a butterfly's wings, then a factor for each output.
import Safetensors

extension Family {
  /// `boft_R (N,D,b,b)`, `boft_s (out,1)`: W' = diag(s)·W·(M_{N−1}···M_0)ᵀ with M_i = P_i·Q_i·P_iᵀ.
  /// Source: PEFT `tuners/boft/layer.py`.
  static let boft = Family(
    kind: "BOFT", leaves: ["boft_R", "boft_s"],
    keys: [
      "boft_block_num", "boft_block_size", "boft_dropout", "boft_n_butterfly_factor",
      "init_weights",
    ],
    updates: { module throws(AdapterError) in
      let blocks = try module.tensor("boft_R", dimensions: 4)
      let factors = try module.tensor("boft_s", dimensions: 2)
      let (levels, count, size) = (blocks.shape[0], blocks.shape[1], blocks.shape[2])
      let rows = factors.shape.reduce(1, *)
      guard blocks.shape[3] == size, levels == 1 || (size % 2 == 0 && count >> (levels - 1) > 0)
      else { throw module.wrong(blocks, "[levels, blocks, b, b]") }
      guard factors.shape.contains(rows) else { throw module.wrong(factors, "[out, 1]") }
      return [
        WeightUpdate(
          "butterfly", [("blocks", blocks), ("factors", factors)],
          numbers: ["levels": Double(levels), "size": Double(size)],
          origin: "boft, \(levels) × \(count) blocks of \(size)",
          expected: "\(rows) × \(count * size)"
        ) { $0.rows == rows && $0.columns == count * size }
      ]
    })
}
