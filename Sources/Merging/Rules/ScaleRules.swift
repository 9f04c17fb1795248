// IA³: what goes out of a module, or what goes in, is multiplied by trained factors.
// Source: PEFT `tuners/ia3/layer.py`.

/// w[i, j] ← w[i, j] · factors[i].
struct ScaleRowsRule: WeightMathematics {
  private let factors: [Double]

  init?(_ operands: RuleOperands) {
    guard let factors = operands.vector("factors"), factors.count == operands.rows else {
      return nil
    }
    self.factors = factors
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    for i in 0..<band.rows {
      for j in 0..<band.columns { band[i, j] *= factors[firstRow + i] }
    }
  }
}

/// w[i, j] ← w[i, j] · factors[channel of j]; a channel has as many columns as a kernel has taps.
struct ScaleColumnsRule: WeightMathematics {
  private let factors: [Double]

  init?(_ operands: RuleOperands) {
    guard let factors = operands.vector("factors"), !factors.isEmpty,
      operands.columns % factors.count == 0
    else { return nil }
    self.factors = factors
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    let tapCount = band.columns / factors.count
    for i in 0..<band.rows {
      for j in 0..<band.columns { band[i, j] *= factors[j / tapCount] }
    }
  }
}
