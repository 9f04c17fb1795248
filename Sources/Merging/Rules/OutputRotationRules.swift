// LyCORIS's rotations, which turn what goes out of a module, unlike PEFT's. Q is the skew part of a
// trained block, R = (I + Q)·(I − Q)⁻¹.
// Source: LyCORIS `functional/diag_oft.py`, `functional/boft.py`; sd-scripts `networks/oft.py`.

/// Diag-OFT: each block of outputs is turned by Rᵀ: W'ₖ = diag(s)·Rₖᵀ·Wₖ.
struct OutputRotationRule: WeightMathematics {
  private let size: Int
  private let blocks: [Matrix]
  private let factors: [Double]?

  /// `blocks` (out/b, b, b), `factors` out where rows are scaled too; `size` b. `limit` bounds the
  /// length of all Q together, as LyCORIS does, or with `clamps` as sd-scripts does.
  init?(_ operands: RuleOperands) {
    guard let all = operands.matrix("blocks"), let size = operands.count("size"), size > 0,
      all.columns == size * size, all.rows * size == operands.rows
    else { return nil }
    let skews = SkewBlocks(all.numbers, size: size).bounded(operands)
    var blocks: [Matrix] = []
    for skew in skews {
      // (I − Q)·(I + Q)⁻¹ is Rᵀ.
      guard let rotation = RotationRule.cayley(skew) else { return nil }
      blocks.append(rotation)
    }
    factors = operands.vector("factors")
    if let factors, factors.count != operands.rows { return nil }
    self.size = size
    self.blocks = blocks
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    for first in stride(from: 0, to: band.rows, by: size) {
      let own = Matrix(
        rows: size, columns: band.columns,
        numbers: Array(band.numbers[first * band.columns..<(first + size) * band.columns]))
      let turned = blocks[(firstRow + first) / size] * own
      for i in 0..<size {
        let factor = factors?[firstRow + first + i] ?? 1
        for j in 0..<band.columns { band[first + i, j] = factor * turned[i, j] }
      }
    }
  }
}

/// LyCORIS's BOFT: level by level rows are brought together that lie 2^level·b/2 apart, blocks of
/// them turned by R, and put back.
struct OutputButterflyRule: WeightMathematics {
  private let size: Int
  private let levels: [[Matrix]]
  private let factors: [Double]?

  /// `blocks` (levels, out/b, b, b), `factors` out; numbers as of `OutputRotationRule`.
  init?(_ operands: RuleOperands) {
    guard let all = operands.matrix("blocks"), let size = operands.count("size"), size > 0,
      size % 2 == 0, all.rows > 0, all.columns == operands.rows * size,
      operands.rows % (size << (all.rows - 1)) == 0
    else { return nil }
    let skews = SkewBlocks(all.numbers, size: size).bounded(operands)
    let count = operands.rows / size
    var levels: [[Matrix]] = []
    for level in 0..<all.rows {
      var blocks: [Matrix] = []
      for skew in skews[(level * count)..<((level + 1) * count)] {
        guard let rotation = RotationRule.cayley(-1 * skew) else { return nil }
        blocks.append(rotation)
      }
      levels.append(blocks)
    }
    factors = operands.vector("factors")
    if let factors, factors.count != operands.rows { return nil }
    self.size = size
    self.levels = levels
  }

  /// The band is the whole weight.
  func apply(to band: inout Matrix, firstRow: Int) {
    for (level, blocks) in levels.enumerated() {
      let apart = (size / 2) << level
      for (number, block) in blocks.enumerated() {
        let places = (number * size..<(number + 1) * size).map { place in
          place - place % (2 * apart) + place % 2 * apart + place % (2 * apart) / 2
        }
        let own = Matrix(
          rows: size, columns: band.columns, numbers: places.flatMap { band.row($0) })
        let turned = block * own
        for (i, place) in places.enumerated() {
          for j in 0..<band.columns { band[place, j] = turned[i, j] }
        }
      }
    }
    guard let factors else { return }
    for i in 0..<band.rows {
      for j in 0..<band.columns { band[i, j] *= factors[firstRow + i] }
    }
  }
}

/// The skew parts B − Bᵀ of square blocks, one after another.
private struct SkewBlocks {
  private let blocks: [Matrix]

  init(_ numbers: [Double], size: Int) {
    let area = size * size
    blocks = (0..<(numbers.count / area)).map { block in
      let own = Matrix(
        rows: size, columns: size, numbers: Array(numbers[(block * area)..<((block + 1) * area)]))
      return own - own.transposed
    }
  }

  /// All of them shortened alike where together they are longer than `limit`.
  func bounded(_ operands: RuleOperands) -> [Matrix] {
    guard let limit = operands.number("limit") else { return blocks }
    let squares = blocks.reduce(0.0) { $1.numbers.reduce($0) { $0 + $1 * $1 } }
    let norm = squares.squareRoot()
    // 1e-8 keeps both libraries from dividing by 0.
    let factor =
      operands.isOn("clamps")
      ? (min(norm, limit) + 1e-8) / (norm + 1e-8)
      : norm + 1e-8 > limit ? limit / (norm + 1e-8) : 1
    return factor == 1 ? blocks : blocks.map { factor * $0 }
  }
}
