// LoKr: w ← w + scale · (w1 ⊗ w2). A kernel's taps stay with w2.
// Source: PEFT `tuners/lokr/layer.py`.

struct KroneckerRule: WeightMathematics {
  private let first: Matrix
  private let second: Matrix
  private let scale: Double

  /// `w1` or `left1` and `right1`; `w2` or `left2` and `right2`, perhaps with `core2`.
  init?(_ operands: RuleOperands) {
    guard let scale = operands.number("scale"),
      let first = operands.matrix("w1") ?? TuckerProduct(operands, "1")?.whole,
      let second = operands.matrix("w2") ?? TuckerProduct(operands, "2")?.whole,
      first.rows * second.rows == operands.rows,
      first.columns * second.columns == operands.columns
    else { return nil }
    self.first = first
    self.second = second
    self.scale = scale
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    for i in 0..<band.rows {
      let row = firstRow + i
      let (outer, inner) = (row / second.rows, row % second.rows)
      for j in 0..<first.columns {
        let factor = scale * first[outer, j]
        for k in 0..<second.columns {
          band[i, j * second.columns + k] += factor * second[inner, k]
        }
      }
    }
  }
}
