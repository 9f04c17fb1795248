// Rules of LyCORIS's methods that PEFT does not have.
// Source: LyCORIS `modules/locon.py`, `modules/ia3.py`, `modules/glora.py`.

/// LoCon with a Tucker core: w ← w + scale · Σ_ij mid[i, j, κ]·down[j, q]·up[p, i].
struct TuckerPairRule: WeightMathematics {
  private let product: TuckerProduct
  private let scale: Double

  /// `up` (out, r, 1…), `down` (r, in, 1…), `mid` (r, r, kernel…).
  init?(_ operands: RuleOperands) {
    guard let up = operands.matrix("up"), let down = operands.matrix("down"),
      let mid = operands.matrix("mid"), let scale = operands.number("scale"),
      let product = TuckerProduct(left: up.transposed, right: down, core: mid),
      product.rows == operands.rows, product.columns == operands.columns
    else { return nil }
    self.product = product
    self.scale = scale
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    for i in 0..<band.rows {
      let row = product.row(firstRow + i)
      for j in 0..<band.columns { band[i, j] += scale * row.numbers[j] }
    }
  }
}

/// A pair whose left factor's rows lie in the order of Meta's rotary embeddings.
struct RotaryProductRule: PairMathematics {
  let product: ProductRule

  /// `left`, `right`; `head` as in `RotaryOrder`.
  init?(_ operands: RuleOperands) {
    guard let left = operands.matrix("left"), let right = operands.matrix("right"),
      let order = RotaryOrder(operands), left.rows == operands.rows
    else { return nil }
    let ordered = Matrix(
      rows: left.rows, columns: left.columns,
      numbers: (0..<left.rows).flatMap { left.row(order[$0]) })
    guard let product = ProductRule(ordered, right, operands) else { return nil }
    self.product = product
  }
}

/// GLoRA: w ← w + scale · (w·a1·a2 + b1·b2), the first product over the channels of each tap.
struct ChannelMixRule: WeightMathematics {
  private let down: Matrix
  private let up: Matrix
  private let product: ProductRule
  private let scale: Double
  private let taps: Int

  /// `a1` (in, r), `a2` (r, in), `left` (out, r), `right` (r, in·taps).
  init?(_ operands: RuleOperands) {
    let taps = operands.count("kernel") ?? 1
    guard let down = operands.matrix("a1"), let up = operands.matrix("a2"), taps > 0,
      let product = ProductRule(operands), let scale = operands.number("scale"),
      down.columns == up.rows, down.rows == up.columns, down.rows * taps == operands.columns
    else { return nil }
    self.down = down
    self.up = up
    self.product = product
    self.scale = scale
    self.taps = taps
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    for i in 0..<band.rows {
      for tap in 0..<taps {
        let channels = Matrix(
          rows: 1, columns: down.rows,
          numbers: (0..<down.rows).map { band[i, $0 * taps + tap] })
        let mixed = channels * down * up
        for channel in 0..<down.rows {
          band[i, channel * taps + tap] += scale * mixed.numbers[channel]
        }
      }
    }
    product.apply(to: &band, firstRow: firstRow)
  }
}
