// MiSS (once called Bone): one small block, laid on all of the weight.
import OrderedJSON
import Safetensors

extension Family {
  /// `miss_block (r,out)`: W'[o,j] = W[o,j] + B[j mod r, o]; with `init_weights` "mini" B is
  /// `(r,m)` and repeats along out; with "bat" it is `(out/r, r, r)` and W' = W + W·B_p + B_p in
  /// blocks of r × r.
  /// Source: PEFT `tuners/miss/layer.py`.
  static let miss = Family(
    kind: "MISS", leaves: ["miss_block"], keys: ["r", "miss_dropout", "mini_r", "init_weights"],
    updates: { module throws(AdapterError) in try module.blocks("miss_block") })

  /// The same under its old name. Source: PEFT 0.18 `tuners/bone/layer.py`.
  static let bone = Family(
    kind: "BONE", leaves: ["bone_block"], keys: ["r", "init_weights"],
    updates: { module throws(AdapterError) in try module.blocks("bone_block") })
}

extension FamilyModule {
  fileprivate func blocks(_ leaf: String) throws(AdapterError) -> [WeightUpdate] {
    let block = try tensor(leaf)
    let shape = block.shape
    let mode = members.member("init_weights")?.text ?? "true"
    guard mode == "bat" ? shape.count == 3 && shape[1] == shape[2] : shape.count == 2 else {
      throw wrong(block, mode == "bat" ? "[out/r, r, r]" : "[r, out]")
    }
    if mode == "bat" {
      let (rows, rank) = (shape[0] * shape[1], shape[1])
      var update = WeightUpdate(
        "blockProduct", [("blocks", block)], origin: "bat, blocks of \(rank)",
        expected: "\(rows) × a multiple of \(rank)"
      ) { $0.rows == rows && $0.columns % rank == 0 }
      update.rowsTogether = rank
      return [update]
    }
    let count = shape[1]
    return [
      WeightUpdate(
        "tile", [("block", block)], origin: "\(leaf), rank \(shape[0])",
        expected: mode == "mini" ? "a multiple of \(count) × …" : "\(count) × …"
      ) { mode == "mini" ? $0.rows % count == 0 : $0.rows == count }
    ]
  }
}
