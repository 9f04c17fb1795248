// OFT: every block of b inputs is multiplied by an orthogonal matrix made of a skew one.
// Source: PEFT `tuners/oft/layer.py`.

struct RotationRule: WeightMathematics {
  private let size: Int
  /// What blocks are multiplied by from the right; one for all, or one for each.
  private let blocks: [Matrix]

  /// `triangle` (blocks, b(b−1)/2), the strict upper triangles of S, row by row. `size` b; `terms`
  /// of the Neumann series of (I+S)(I−S)⁻¹, or 0 for (I−S)(I+S)⁻¹ itself; `eps` bounds ‖S‖ where it
  /// is there; `transposes` for Rᵀ instead of R; `doublesLast` for the series' last term twice.
  init?(_ operands: RuleOperands) {
    guard let triangle = operands.matrix("triangle"), let size = operands.count("size"), size > 0,
      let terms = operands.count("terms"), triangle.columns == size * (size - 1) / 2,
      operands.columns % size == 0,
      triangle.rows == 1 || triangle.rows * size == operands.columns
    else { return nil }
    var blocks: [Matrix] = []
    for block in 0..<triangle.rows {
      var skew = Matrix(rows: size, columns: size)
      var next = 0
      for i in 0..<size {
        for j in (i + 1)..<max(size, i + 1) {
          skew[i, j] = triangle[block, next]
          skew[j, i] = -triangle[block, next]
          next += 1
        }
      }
      if let eps = operands.number("eps") {
        Self.clip(&skew, to: eps / Double(triangle.rows).squareRoot())
      }
      guard
        let rotation = terms == 0
          ? Self.cayley(skew) : Self.series(skew, terms, operands.isOn("doublesLast"))
      else { return nil }
      blocks.append(operands.isOn("transposes") ? rotation.transposed : rotation)
    }
    self.size = size
    self.blocks = blocks
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    var scratch = Array(repeating: 0.0, count: size)
    for i in 0..<band.rows {
      for block in 0..<(band.columns / size) {
        band.multiply(
          row: i, from: block * size, by: blocks[blocks.count == 1 ? 0 : block], &scratch)
      }
    }
  }

  /// (I − S)(I + S)⁻¹; the two commute.
  static func cayley(_ skew: Matrix) -> Matrix? {
    let one = Matrix.identity(skew.rows)
    return Matrix.solve(one + skew, one - skew)
  }

  /// I + 2S + 2S² + … with the last power of S once (or twice, as before PEFT 0.18).
  static func series(_ skew: Matrix, _ terms: Int, _ doublesLast: Bool) -> Matrix {
    var sum = Matrix.identity(skew.rows)
    guard terms > 1 else { return sum }
    sum = sum + 2 * skew
    guard terms > 2 else { return sum }
    var power = skew * skew
    sum = sum + 2 * power
    for _ in 3..<max(3, terms - 1) {
      power = power * skew
      sum = sum + 2 * power
    }
    power = power * skew
    return sum + (doublesLast ? 2 : 1) * power
  }

  /// Shortens S to Frobenius norm `limit` where it is longer.
  private static func clip(_ skew: inout Matrix, to limit: Double) {
    let norm = skew.numbers.reduce(0) { $0 + $1 * $1 }.squareRoot()
    if norm > limit { skew = limit / norm * skew }
  }
}
