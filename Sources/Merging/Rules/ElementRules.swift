// Rules whose update of an element is found by its place alone.
import Glibc

/// MiSS: w[o, j] += block[j mod r, o mod m].
/// Source: PEFT `tuners/miss/layer.py`.
struct TileRule: WeightMathematics {
  private let block: Matrix

  init?(_ operands: RuleOperands) {
    guard let block = operands.matrix("block"), block.rows > 0, block.columns > 0,
      operands.rows % block.columns == 0
    else { return nil }
    self.block = block
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    for i in 0..<band.rows {
      let place = (firstRow + i) % block.columns
      for j in 0..<band.columns { band[i, j] += block[j % block.rows, place] }
    }
  }
}

/// MiSS "bat": in blocks of r × r, w_pq ← w_pq + w_pq·b_p + b_p.
/// Source: PEFT `tuners/miss/layer.py`.
struct BlockProductRule: WeightMathematics {
  private let blocks: [Double]
  private let size: Int

  init?(_ operands: RuleOperands) {
    guard let shape = operands.shapes["blocks"], shape.count == 3, shape[1] == shape[2],
      shape[1] > 0, shape[0] * shape[1] == operands.rows, operands.columns % shape[1] == 0
    else { return nil }
    blocks = operands.vector("blocks")!
    size = shape[1]
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    var scratch = Array(repeating: 0.0, count: size)
    for first in stride(from: 0, to: band.rows, by: size) {
      let start = (firstRow + first) * size
      let block = Matrix(
        rows: size, columns: size, numbers: Array(blocks[start..<(start + size * size)]))
      let step = block + Matrix.identity(size)
      for i in 0..<size {
        for column in stride(from: 0, to: band.columns, by: size) {
          band.multiply(row: first + i, from: column, by: step, &scratch)
          for j in 0..<size { band[first + i, column + j] += block[i, j] }
        }
      }
    }
  }
}

/// SHiRA, Supertuning: single elements change.
/// Source: PEFT `tuners/shira/layer.py`, `tuners/supertuning/layer.py`.
struct ScatterRule: WeightMathematics {
  private let update: SparseUpdate

  /// `values` k; `places` (2, k), rows above columns, or k places in the weight as it is stored.
  init?(_ operands: RuleOperands) {
    guard let values = operands.vector("values"), let places = operands.vector("places"),
      places.count == values.count || places.count == 2 * values.count
    else { return nil }
    var update = SparseUpdate()
    for (at, value) in values.enumerated() {
      guard let first = Int(exactly: places[at]) else { return nil }
      var (row, column) = (0, 0)
      if places.count == values.count {
        let width = operands.isTransposed ? operands.rows : operands.columns
        (row, column) = (first / max(1, width), first % max(1, width))
        if operands.isTransposed { swap(&row, &column) }
      } else {
        guard let second = Int(exactly: places[values.count + at]) else { return nil }
        (row, column) = (first, second)
      }
      guard (0..<operands.rows).contains(row), (0..<operands.columns).contains(column) else {
        return nil
      }
      update.add(value, row: row, column: column)
    }
    self.update = update
  }

  func apply(to band: inout Matrix, firstRow: Int) { update.apply(to: &band, firstRow: firstRow) }
}

/// C3A: block (M, N) of the update is circulant, w[M, N, (j − i) mod b] / in.
/// Source: PEFT `tuners/c3a/utils.py`.
struct CirculantRule: WeightMathematics {
  private let kernel: [Double]
  private let size: Int

  init?(_ operands: RuleOperands) {
    guard let kernel = operands.vector("kernel"), let size = operands.count("size"), size > 0,
      operands.rows % size == 0, operands.columns % size == 0,
      kernel.count * size == operands.rows * operands.columns
    else { return nil }
    self.kernel = kernel.map { $0 / Double(operands.columns) }
    self.size = size
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    let across = band.columns / size
    for row in 0..<band.rows {
      let (down, i) = ((firstRow + row) / size, (firstRow + row) % size)
      for n in 0..<across {
        let start = (down * across + n) * size
        for j in 0..<size {
          band[row, n * size + j] += kernel[start + (j - i + size) % size]
        }
      }
    }
  }
}

/// BEFT: a bias gains what was trained.
/// Source: PEFT `tuners/beft/layer.py`.
struct AdditionRule: WeightMathematics {
  private let value: [Double]

  init?(_ operands: RuleOperands) {
    guard let value = operands.vector("value"), value.count == operands.rows * operands.columns
    else { return nil }
    self.value = value
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    for i in 0..<band.numbers.count { band.numbers[i] += value[firstRow * band.columns + i] }
  }
}

/// RoAd: of each group of outputs the first half turns with the second.
/// Source: PEFT `tuners/road/layer.py`.
struct TurnRule: WeightMathematics {
  private let cosines: [Double]
  private let sines: [Double]
  private let group: Int

  /// `theta`, `alpha`; `share` angles for two outputs: 1 for both of a pair, 2 for each its own, 4
  /// for each of an output's two terms; `group` outputs together.
  init?(_ operands: RuleOperands) {
    guard let theta = operands.vector("theta"), let alpha = operands.vector("alpha"),
      let share = operands.count("share"), let group = operands.count("group"), group > 0,
      group % 2 == 0, operands.rows % group == 0, alpha.count == theta.count,
      theta.count * 2 == operands.rows * share
    else { return nil }
    var cosines: [Double] = []
    var sines: [Double] = []
    for row in 0..<operands.rows {
      let (number, place) = (row / group, row % group)
      let (first, second): (Int, Int)
      switch share {
      case 1:
        first = number * group / 2 + place % (group / 2)
        second = first
      case 2: (first, second) = (row, row)
      case 4: (first, second) = (number * 2 * group + place, number * 2 * group + group + place)
      default: return nil
      }
      cosines.append(alpha[first] * cos(theta[first]))
      sines.append(alpha[second] * sin(theta[second]))
    }
    self.cosines = cosines
    self.sines = sines
    self.group = group
  }

  /// Row p of a first half becomes c·w_p − s·w_q, its partner q in the second c·w_q + s·w_p.
  func apply(to band: inout Matrix, firstRow: Int) {
    let half = group / 2
    for start in stride(from: 0, to: band.rows, by: group) {
      for place in 0..<half {
        let (p, q) = (start + place, start + half + place)
        for j in 0..<band.columns {
          let (x, y) = (band[p, j], band[q, j])
          band[p, j] = cosines[firstRow + p] * x - sines[firstRow + p] * y
          band[q, j] = cosines[firstRow + q] * y + sines[firstRow + q] * x
        }
      }
    }
  }
}

/// HiRA: w ← w + w ∘ (left·right), or an embedding's transposed product.
/// Source: PEFT `tuners/hira/layer.py`.
struct ModulationRule: WeightMathematics {
  private let product: ProductRule

  init?(_ operands: RuleOperands) {
    guard
      let left = operands.matrix("left") ?? operands.matrix("embeddingA")?.transposed,
      let right = operands.matrix("right") ?? operands.matrix("embeddingB")?.transposed,
      let product = ProductRule(left, right, operands)
    else { return nil }
    self.product = product
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    var factors = Matrix(rows: band.rows, columns: band.columns)
    product.apply(to: &factors, firstRow: firstRow)
    for i in 0..<band.numbers.count { band.numbers[i] += band.numbers[i] * factors.numbers[i] }
  }
}

/// GLoRA: w ← w + w ∘ A + B, each path a product, a value for each row or one for all.
/// Source: PEFT `tuners/glora/layer.py`.
/// A bias may take from the weight: b ← b + b ∘ A + B + W·C.
struct ScaleAndShiftRule: WeightMathematics {
  private let paths: [Matrix?]
  private let taken: [Double]

  /// Of path A and B each `Xd` and `Xu`, or `X`; with `weight` (or `transposedWeight`) also C.
  init?(_ operands: RuleOperands) {
    if let weight = operands.matrix("weight") ?? operands.matrix("transposedWeight")?.transposed {
      var path: Matrix?
      if let down = operands.matrix("CXd"), let up = operands.matrix("CXu"), down.columns == up.rows
      {
        path = down * up
      }
      guard let path = path ?? operands.matrix("CX"), path.rows == weight.columns,
        path.columns == 1,
        weight.rows == operands.rows
      else { return nil }
      taken = (weight * path).numbers
    } else {
      taken = []
    }
    var paths: [Matrix?] = []
    for name in ["A", "B"] {
      if let down = operands.matrix(name + "Xd"), let up = operands.matrix(name + "Xu"),
        down.columns == up.rows, down.rows == operands.rows, up.columns == operands.columns
      {
        paths.append(down * up)
      } else if let values = operands.vector(name + "X") {
        guard values.count == operands.rows || values.count == 1 else { return nil }
        paths.append(Matrix(rows: values.count, columns: 1, numbers: values))
      } else {
        guard !operands.has(name + "Xd"), !operands.has(name + "Xu") else { return nil }
        paths.append(nil)
      }
    }
    self.paths = paths
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    func value(_ path: Matrix?, _ i: Int, _ j: Int) -> Double {
      guard let path else { return 0 }
      return path[path.rows == 1 ? 0 : firstRow + i, path.columns == 1 ? 0 : j]
    }
    for i in 0..<band.rows {
      for j in 0..<band.columns {
        band[i, j] += band[i, j] * value(paths[0], i, j) + value(paths[1], i, j)
        if !taken.isEmpty { band[i, j] += taken[firstRow + i] }
      }
    }
  }
}
