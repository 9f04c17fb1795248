// C3A: the update is made of circulant blocks.
import Safetensors

extension Family {
  /// `c3a_kernel (out/b, in/b, b)`: Δ of block (M,N) is w[M, N, (j−i) mod b] / in.
  /// Source: PEFT `tuners/c3a/utils.py`.
  static let c3a = Family(
    kind: "C3A", leaves: ["c3a_kernel"],
    keys: ["block_size", "block_size_pattern", "init_weights"],
    updates: { module throws(AdapterError) in
      let kernel = try module.tensor("c3a_kernel", dimensions: 3)
      let size = kernel.shape[2]
      let (rows, columns) = (kernel.shape[0] * size, kernel.shape[1] * size)
      return [
        WeightUpdate(
          "circulant", [("kernel", kernel)], numbers: ["size": Double(size)],
          origin: "c3a, blocks of \(size)", expected: "\(rows) × \(columns)"
        ) { $0.rows == rows && $0.columns == columns }
      ]
    })
}
