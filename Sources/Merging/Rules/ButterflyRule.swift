// BOFT: W' = diag(s)·W·(M_{N−1}···M_0)ᵀ with M_i = P_i·blockdiag(Q_i)·P_iᵀ, so that far inputs mix
// in few steps, as in a fast Fourier transform.
// Source: PEFT `tuners/boft/layer.py`.

struct ButterflyRule: WeightMathematics {
  /// One level: blocks transposed, and which input each place of a block takes.
  private struct Level {
    var blocks: [Matrix]
    var order: [Int]
  }

  private let size: Int
  private let levels: [Level]
  private let factors: [Double]

  /// `blocks` (N, D, b, b), from which Q is made as Cayley's transform of their skew part;
  /// `factors` out; `levels` N and `size` b.
  init?(_ operands: RuleOperands) {
    guard let all = operands.matrix("blocks"), let factors = operands.vector("factors"),
      let count = operands.count("levels"), let size = operands.count("size"), size > 0,
      all.rows == count, operands.columns % size == 0,
      all.columns == operands.columns * size, factors.count == operands.rows
    else { return nil }
    let blockCount = operands.columns / size
    var levels: [Level] = []
    for level in 0..<count {
      var blocks: [Matrix] = []
      for block in 0..<blockCount {
        var skew = Matrix(rows: size, columns: size)
        func element(_ i: Int, _ j: Int) -> Double { all[level, (block * size + i) * size + j] }
        for i in 0..<size {
          for j in 0..<size { skew[i, j] = 0.5 * (element(i, j) - element(j, i)) }
        }
        guard let rotation = RotationRule.cayley(skew) else { return nil }
        blocks.append(rotation.transposed)
      }
      levels.append(
        Level(
          blocks: blocks, order: Self.order(operands.columns, level, blockCount, unit: size / 2)))
    }
    self.size = size
    self.levels = levels
    self.factors = factors
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    var scratch = Array(repeating: 0.0, count: size)
    var mixed = Matrix(rows: 1, columns: band.columns)
    for i in 0..<band.rows {
      for level in levels {
        for (place, input) in level.order.enumerated() { mixed.numbers[place] = band[i, input] }
        for (index, block) in level.blocks.enumerated() {
          mixed.multiply(row: 0, from: index * size, by: block, &scratch)
        }
        for (place, input) in level.order.enumerated() { band[i, input] = mixed.numbers[place] }
      }
      for j in 0..<band.columns { band[i, j] *= factors[firstRow + i] }
    }
  }

  /// Which input stands at each place of a level: inside each of D/2^i chunks, the units of b/2
  /// inputs with even numbers first, then those with odd ones. The first level leaves all in order.
  static func order(_ count: Int, _ level: Int, _ blockCount: Int, unit: Int) -> [Int] {
    guard level > 0, unit > 0 else { return Array(0..<count) }
    let chunkCount = max(1, blockCount >> level)
    let chunk = count / chunkCount
    var order: [Int] = []
    for start in stride(from: 0, to: count, by: chunk) {
      let units = stride(from: start, to: start + chunk, by: unit)
      for parity in 0..<2 {
        for (number, first) in units.enumerated() where number % 2 == parity {
          order += first..<(first + unit)
        }
      }
    }
    return order
  }
}
