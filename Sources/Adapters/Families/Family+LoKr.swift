// LoKr: the Kronecker product of two small matrices, either of which may be a low-rank product.
import Safetensors

extension Family {
  /// `lokr_w1 (l,m)` or `lokr_w1_a·lokr_w1_b`; `lokr_w2 (k,n[,kernel])` or `lokr_w2_a·lokr_w2_b`,
  /// or with a Tucker core `lokr_t2`: Δ = (w1 ⊗ w2) · alpha/r. The scale holds for full matrices
  /// too.
  /// Source: PEFT `tuners/lokr/layer.py`.
  static let loKr = Family(
    kind: "LOKR",
    leaves: [
      "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2",
    ],
    keys: [
      "r", "alpha", "rank_pattern", "alpha_pattern", "init_weights", "module_dropout",
      "rank_dropout", "rank_dropout_scale", "use_effective_conv2d", "decompose_both",
      "decompose_factor",
    ],
    alphaKey: "alpha",
    updates: { module throws(AdapterError) in
      var operands: [(role: String, tensor: AdapterTensor)] = []
      /// Rows and columns of one side, its kernel's taps among the columns.
      func side(_ number: String) throws(AdapterError) -> (rows: Int, columns: Int) {
        if let whole = module.tensors["lokr_w" + number] {
          guard whole.shape.count >= 2 else { throw module.wrong(whole, "a matrix") }
          operands.append(("w" + number, whole))
          return (whole.shape[0], whole.shape.dropFirst().reduce(1, *))
        }
        let a = try module.tensor("lokr_w\(number)_a", dimensions: 2)
        let b = try module.tensor("lokr_w\(number)_b", dimensions: 2)
        operands += [("left" + number, a), ("right" + number, b)]
        guard number == "2", let core = module.tensors["lokr_t2"] else {
          guard a.shape[1] == b.shape[0] else { throw module.wrong(b, "[\(a.shape[1]), …]") }
          return (a.shape[0], b.shape[1])
        }
        guard core.shape.count > 2, core.shape[0] == a.shape[0], core.shape[1] == b.shape[0] else {
          throw module.wrong(core, "[\(a.shape[0]), \(b.shape[0]), kernel…]")
        }
        operands.append(("core2", core))
        return (a.shape[1], b.shape[1] * core.shape.dropFirst(2).reduce(1, *))
      }
      let first = try side("1")
      let second = try side("2")
      // torch sets a matrix before a kernel of one dimension by its last axes, so that w1 meets the
      // taps: kept as PEFT has it.
      let whole = module.tensors["lokr_w2"]?.shape ?? []
      let quirk = whole.count == 3 ? ["taps": Double(whole[2])] : [:]
      let (rows, columns) = (first.rows * second.rows, first.columns * second.columns)
      return [
        WeightUpdate(
          "kronecker", operands,
          numbers: ["scale": module.scale.value].merging(quirk) { $1 },
          origin: "lokr " + module.scale.origin, expected: "\(rows) × \(columns)"
        ) { $0.rows == rows && $0.columns == columns }
      ]
    })
}
