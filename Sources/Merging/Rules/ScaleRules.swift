// IA³: what goes out of a module, or what goes in, is multiplied by trained factors, or in LyCORIS
// by 1 and trained numbers (`offset`).
// Source: PEFT `tuners/ia3/layer.py`; LyCORIS `modules/ia3.py`.

/// w[i, j] ← w[i, j] · factors[i].
struct ScaleRowsRule: WeightMathematics {
  private let factors: [Double]

  init?(_ operands: RuleOperands) {
    guard let factors = operands.offsetVector("factors"), factors.count == operands.rows else {
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
/// In a depthwise convolution row i reads channel i alone.
struct ScaleColumnsRule: WeightMathematics {
  private let factors: [Double]
  private let taps: Int

  init?(_ operands: RuleOperands) {
    let taps = operands.count("kernel") ?? 1
    guard let factors = operands.offsetVector("factors"), taps > 0,
      factors.count * taps == operands.columns
        || (operands.columns == taps && factors.count == operands.rows)
    else { return nil }
    self.factors = factors
    self.taps = taps
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    let isDepthwise = factors.count * taps != band.columns
    for i in 0..<band.rows {
      for j in 0..<band.columns {
        band[i, j] *= factors[isDepthwise ? firstRow + i : j / taps]
      }
    }
  }
}

extension RuleOperands {
  fileprivate func offsetVector(_ role: String) -> [Double]? {
    let offset = number("offset") ?? 0
    return vector(role)?.map { $0 + offset }
  }
}
