// LoKr: w ← w + scale · (w1 ⊗ w2). A kernel's taps stay with w2.
// Source: PEFT `tuners/lokr/layer.py`.

struct KroneckerRule: WeightMathematics {
  private let first: Matrix
  private let second: Matrix
  private let scale: Double
  /// Taps of a kernel of one dimension, whose product torch lines up by the last axes.
  private let taps: Int?

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
    taps = operands.count("taps")
    if let taps, taps <= 0 || second.columns % taps != 0 { return nil }
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    if let taps { return applyByLastAxes(to: &band, firstRow: firstRow, taps) }
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

  /// w1 (l, m) as (1, l, m) with w2 (k, n, taps): an array (k, l·n, m·taps), read on in the
  /// weight's own order.
  private func applyByLastAxes(to band: inout Matrix, firstRow: Int, _ taps: Int) {
    let inner = second.columns / taps
    let (middle, last) = (first.rows * inner, first.columns * taps)
    for i in 0..<band.rows {
      for j in 0..<band.columns {
        let flat = (firstRow + i) * band.columns + j
        let (a, b, c) = (flat / (middle * last), flat / last % middle, flat % last)
        let factor = first[b / inner, c / taps]
        band[i, j] += scale * (factor * second[a, b % inner * taps + c % taps])
      }
    }
  }
}
