// Rules that must see all of a weight: what it holds in certain directions, or what a network makes
// of it. A band is the whole weight here.

/// OSF, KaSA, PiSSA: of the weight's singular directions some stay and the others go. Taken by
/// projection, W·V·Vᵀ, so that nothing depends on the signs of the vectors.
struct TruncateRule: WeightMathematics {
  private enum Kept {
    case strongest(Int)
    case weakest(Int)
  }
  private let kept: Kept

  /// `keeps` of the strongest, `drops` of the weakest, or `loses` of the strongest.
  init?(_ operands: RuleOperands) {
    let rank = min(operands.rows, operands.columns)
    if let count = operands.count("keeps") {
      kept = .strongest(min(rank, count))
    } else if let count = operands.count("drops") {
      kept = .strongest(max(0, rank - count))
    } else if let count = operands.count("loses") {
      kept = .weakest(max(0, rank - count))
    } else {
      return nil
    }
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    switch kept {
    case .strongest(let count): Truncation.keep(count, of: &band)
    case .weakest(let count):
      var strongest = band
      Truncation.keep(min(band.rows, band.columns) - count, of: &strongest)
      band = band - strongest
    }
  }
}

/// A matrix in some of its singular directions.
enum Truncation {
  /// Leaves the `count` strongest directions of a matrix.
  static func keep(_ count: Int, of matrix: inout Matrix) {
    let isTall = matrix.rows >= matrix.columns
    let across = matrix.transposed
    // Of the smaller of WᵀW and W·Wᵀ, values ascending.
    let (_, vectors) = SymmetricEigen.of(isTall ? across * matrix : matrix * across)
    let size = vectors.rows
    // The smaller part is made, so that where nothing goes all stays exact.
    let keepsMost = count * 2 > size
    let part = keepsMost ? 0..<(size - count) : (size - count)..<size
    let basis = Matrix(
      rows: part.count, columns: size,
      numbers: Array(vectors.numbers[(part.lowerBound * size)..<(part.upperBound * size)]))
    let own =
      isTall
      ? (matrix * basis.transposed) * basis : basis.transposed * (basis * matrix)
    matrix = keepsMost ? matrix - own : own
  }
}

/// OLoRA: w ← w − scale · Q[:, :r]·R[:r] of w's QR decomposition, which is scale times the
/// projection on its first r columns.
/// Source: PEFT `tuners/lora/layer.py`, olora_init.
struct WithoutColumnsRule: WeightMathematics {
  private let rank: Int
  private let scale: Double

  init?(_ operands: RuleOperands) {
    guard let rank = operands.count("rank"), let scale = operands.number("scale"),
      rank <= min(operands.rows, operands.columns)
    else { return nil }
    self.rank = rank
    self.scale = scale
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    var first = Matrix(rows: band.rows, columns: rank)
    for i in 0..<band.rows {
      for j in 0..<rank { first[i, j] = band[i, j] }
    }
    let q = Orthogonal.factor(of: first)
    band = band - scale * (q * (q.transposed * band))
  }
}

/// DEFT: w ← w + Q·(scale·R − Tᵀ·w).
/// Source: PEFT `tuners/deft/layer.py`.
struct SubspaceRule: WeightMathematics {
  private let q: Matrix
  private let t: Matrix
  private let r: Matrix?

  /// `p` (out, r), `r` (r, in); `qr` for the orthonormal factor of p on both sides, else p itself
  /// and its positive part; `para` leaves R out.
  init?(_ operands: RuleOperands) {
    guard let p = operands.matrix("p"), p.rows == operands.rows,
      let scale = operands.number("scale")
    else { return nil }
    if operands.isOn("qr") {
      guard p.columns <= p.rows else { return nil }
      q = Orthogonal.factor(of: p)
      t = q
    } else {
      q = p
      t = Matrix(rows: p.rows, columns: p.columns, numbers: p.numbers.map { max($0, 0) })
    }
    if operands.isOn("para") {
      r = nil
    } else {
      guard let r = operands.matrix("r"), r.rows == p.columns, r.columns == operands.columns else {
        return nil
      }
      self.r = scale * r
    }
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    let own = t.transposed * band
    band = band + q * (r.map { $0 - own } ?? -1 * own)
  }
}

/// PEANuT: w ← w + scale · (h·Bᵀ)ᵀ, h being what a network makes of wᵀ·Aᵀ.
/// Source: PEFT `tuners/peanut/layer.py`.
struct NetworkRule: WeightMathematics {
  private let a: Matrix
  private let b: Matrix
  private let encoders: [Matrix]
  private let decoders: [Matrix]
  private let activation: Activation
  private let scale: Double

  /// `a` (r, out), `b` (out, r), `encoder0`, `decoder0`, … (r, r); `depth` of each, `act`, `scale`.
  init?(_ operands: RuleOperands) {
    guard let a = operands.matrix("a"), let b = operands.matrix("b"), a.columns == operands.rows,
      b.rows == operands.rows, b.columns == a.rows, let depth = operands.count("depth"),
      let scale = operands.number("scale"),
      let activation = operands.count("act").flatMap(Activation.init(rawValue:))
    else { return nil }
    var sides: [[Matrix]] = []
    for side in ["encoder", "decoder"] {
      let all = (0..<depth).compactMap { operands.matrix("\(side)\($0)") }
      guard all.count == depth, all.allSatisfy({ $0.rows == a.rows && $0.columns == a.rows }) else {
        return nil
      }
      sides.append(all)
    }
    (self.a, self.b, self.scale, self.activation) = (a, b, scale, activation)
    (encoders, decoders) = (sides[0], sides[1])
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    // All transposed: columns of h are inputs.
    var h = activated(a * band)
    var kept: [Matrix] = []
    for encoder in encoders {
      kept.append(h)
      h = activated(encoder * h)
    }
    for decoder in decoders { h = activated(decoder * h) + kept.removeLast() }
    band = band + scale * (b * h)
  }

  private func activated(_ matrix: Matrix) -> Matrix {
    Matrix(
      rows: matrix.rows, columns: matrix.columns, numbers: matrix.numbers.map(activation.of))
  }
}

/// FRoD: with U = w·V⁻ᵀ and its columns at length 1, w ← U·(S + diag(λ))·Vᵀ.
/// Source: PEFT `tuners/frod/layer.py`.
struct BasisRule: WeightMathematics {
  private let basis: Matrix
  private let middle: Matrix

  /// `basis` (in, in), `diagonal` in, `values` k at `places` (2, k) of a matrix of `sizes`.
  init?(_ operands: RuleOperands) {
    guard let basis = operands.matrix("basis"), let diagonal = operands.vector("diagonal"),
      let values = operands.vector("values"), let places = operands.vector("places"),
      let sizes = operands.vector("sizes"), basis.rows == operands.columns,
      basis.columns == basis.rows, diagonal.count == basis.rows,
      places.count == 2 * values.count, sizes == [Double(basis.rows), Double(basis.rows)]
    else { return nil }
    var middle = Matrix(rows: basis.rows, columns: basis.rows)
    for i in diagonal.indices { middle[i, i] = diagonal[i] }
    for (at, value) in values.enumerated() {
      guard let row = Int(exactly: places[at]),
        let column = Int(exactly: places[values.count + at]),
        (0..<basis.rows).contains(row), (0..<basis.rows).contains(column)
      else { return nil }
      middle[row, column] += value
    }
    self.basis = basis
    self.middle = middle
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    // A basis without an inverse leaves nothing to go by: the result is no number, and refused.
    guard var rows = Matrix.solve(basis, band.transposed) else {
      for i in band.numbers.indices { band.numbers[i] = .nan }
      return
    }
    for k in 0..<rows.rows {
      let length = Matrix.dot(rows, k, rows, k).squareRoot()
      for j in 0..<rows.columns { rows[k, j] = length > 1e-12 ? rows[k, j] / length : 0 }
    }
    band = (rows.transposed * middle) * basis.transposed
  }
}
