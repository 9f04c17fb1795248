// LoHa: w ← w + scale · (F1 ∘ F2), each factor a low-rank product or one with a Tucker core.
// Source: PEFT `tuners/loha/layer.py`.

struct HadamardRule: WeightMathematics {
  private let factors: [TuckerProduct]
  private let scale: Double

  /// `left1`, `right1`, `left2`, `right2`, perhaps `core1` and `core2`; see `TuckerProduct`.
  init?(_ operands: RuleOperands) {
    guard let scale = operands.number("scale") else { return nil }
    var factors: [TuckerProduct] = []
    for number in ["1", "2"] {
      guard let factor = TuckerProduct(operands, number), factor.rows == operands.rows,
        factor.columns == operands.columns
      else { return nil }
      factors.append(factor)
    }
    self.factors = factors
    self.scale = scale
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    for i in 0..<band.rows {
      let first = factors[0].row(firstRow + i)
      let second = factors[1].row(firstRow + i)
      for j in 0..<band.columns {
        band[i, j] += scale * (first.numbers[j] * second.numbers[j])
      }
    }
  }
}

/// left·right, with left (out, r) and right (r, in); or, with a core (r, r, taps), the tensor
/// F[p, q, κ] = Σ_ij core[i, j, κ]·right[j, q]·left[i, p] with left (r, out) and right (r, in), as
/// out × (in·taps).
struct TuckerProduct {
  private let left: Matrix
  private let right: Matrix
  private let core: Matrix?
  private let tapCount: Int

  init?(_ operands: RuleOperands, _ number: String) {
    guard let left = operands.matrix("left" + number), let right = operands.matrix("right" + number)
    else { return nil }
    self.init(left: left, right: right, core: operands.matrix("core" + number))
  }

  init?(left: Matrix, right: Matrix, core: Matrix?) {
    self.right = right
    guard let core else {
      guard left.columns == right.rows else { return nil }
      self.left = left
      self.core = nil
      tapCount = 1
      return
    }
    guard core.rows == left.rows, right.rows > 0, core.columns % right.rows == 0 else {
      return nil
    }
    self.left = left.transposed
    self.core = core
    tapCount = core.columns / right.rows
  }

  var rows: Int { left.rows }
  var columns: Int { right.columns * tapCount }

  /// One row, as a matrix of one.
  func row(_ index: Int) -> Matrix {
    let own = Matrix(rows: 1, columns: left.columns, numbers: Array(left.row(index)))
    guard let core else { return own * right }
    let mixed = own * core
    var result = Matrix(rows: 1, columns: columns)
    for j in 0..<right.rows {
      for q in 0..<right.columns {
        for tap in 0..<tapCount {
          result.numbers[q * tapCount + tap] += mixed.numbers[j * tapCount + tap] * right[j, q]
        }
      }
    }
    return result
  }

  /// All of it.
  var whole: Matrix {
    Matrix(
      rows: rows, columns: columns, numbers: (0..<rows).flatMap { row($0).numbers })
  }
}
