// Rules that first make a pair of factors out of what was trained, and then add its product.
import Glibc

protocol PairMathematics: WeightMathematics {
  var product: ProductRule { get }
}

extension PairMathematics {
  func apply(to band: inout Matrix, firstRow: Int) { product.apply(to: &band, firstRow: firstRow) }
}

/// TinyLoRA: left·(Σ shares_i·mixers_i)·right.
/// Source: PEFT `tuners/tinylora/layer.py`, `tuners/tinylora/model.py`.
struct MixedProductRule: PairMathematics {
  let product: ProductRule

  /// `left`, `right`, `mixers` (u, r, r); `shares0`, `shares1`, … of the groups. With more than one
  /// group the module's number in the model tells which is its own, and that number is found by the
  /// seed from which its mixers can be drawn again: `seed` + number, out of `modules`.
  init?(_ operands: RuleOperands) {
    guard let left = operands.matrix("left"), let right = operands.matrix("right"),
      let mixers = operands.matrix("mixers"), mixers.columns == right.rows * right.rows,
      let group = Self.group(mixers, rank: right.rows, operands),
      let shares = operands.vector("shares\(group)"), shares.count == mixers.rows
    else { return nil }
    let all = Matrix(rows: 1, columns: shares.count, numbers: shares) * mixers
    let mixer = Matrix(rows: right.rows, columns: right.rows, numbers: all.numbers)
    guard let product = ProductRule(left, mixer * right, operands) else { return nil }
    self.product = product
  }

  private static func group(_ mixers: Matrix, rank: Int, _ operands: RuleOperands) -> Int? {
    guard operands.has("shares1") else { return 0 }
    guard let seed = operands.count("seed"), let tying = operands.number("tying"),
      let modules = operands.count("modules"), modules > 0
    else { return nil }
    let deviation = 1 / Double(rank).squareRoot()
    let number = (0..<modules).first { number in
      var generator = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed + number))
      let drawn = generator.normals(mixers.numbers.count)
      return zip(drawn, mixers.numbers).allSatisfy { abs($0 * deviation - $1) < 1e-4 }
    }
    guard let number else { return nil }
    let groups = max(1, Int((Double(modules) * (1 - tying)).rounded(.toNearestOrEven)))
    return min(number / max(1, modules / groups), groups - 1)
  }
}

/// VeRA, PVeRA without their saved pair: it is drawn again from its seed, right factor first, as
/// large as the largest weight of the adapter needs.
/// Source: PEFT `tuners/vera/model.py`; torch `distributions`, `uniform_` and `kaiming_uniform_`.
struct DrawnProductRule: PairMathematics {
  let product: ProductRule

  /// `middle`, `rows`; `seed`, `rank`, `drawn` rows of the right factor, `rowsMax`, `columnsMax`.
  init?(_ operands: RuleOperands) {
    guard let seed = operands.count("seed"), let rank = operands.count("rank"),
      let drawn = operands.count("drawn"), let rowsMax = operands.count("rowsMax"),
      let columnsMax = operands.count("columnsMax"), rank > 0, drawn >= rank,
      rowsMax >= operands.rows, columnsMax >= operands.columns
    else { return nil }
    var generator = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
    let right = Self.draw(drawn, columnsMax, &generator)
    let left = Self.draw(rowsMax, rank, &generator)
    guard let product = ProductRule(left, right, operands) else { return nil }
    self.product = product
  }

  /// Kaiming's uniform numbers: between ±√3·√2/√columns, in Float32 as torch draws them.
  private static func draw(
    _ rows: Int, _ columns: Int, _ generator: inout MersenneTwister
  ) -> Matrix {
    let bound = 3.0.squareRoot() * (2.0.squareRoot() / Double(columns).squareRoot())
    let (low, high) = (Float(-bound), Float(bound))
    return Matrix(
      rows: rows, columns: columns,
      numbers: (0..<(rows * columns)).map { _ in
        Double(low.addingProduct(generator.uniform(), high - low))  // fused, as torch does
      })
  }
}

/// QA-LoRA: each column of the right factor stands for a group of the weight's.
/// Source: PEFT `tuners/lora/variants.py`, QALoraLinearVariant.
struct PooledProductRule: PairMathematics {
  let product: ProductRule

  /// `left`, `right`; `scale`, and `size` columns in a group.
  init?(_ operands: RuleOperands) {
    guard let left = operands.matrix("left"), let right = operands.matrix("right"),
      let size = operands.count("size"), size > 0, right.columns * size == operands.columns
    else { return nil }
    var spread = Matrix(rows: right.rows, columns: operands.columns)
    for i in 0..<spread.rows {
      for j in 0..<spread.columns { spread[i, j] = right[i, j / size] }
    }
    guard let product = ProductRule(left, spread, operands) else { return nil }
    self.product = product
  }
}

/// Uni-LoRA: A = θ[indicesA] ∘ scalesA, B likewise, B·A.
/// Source: PEFT `tuners/unilora/layer.py`.
struct GatheredProductRule: PairMathematics {
  let product: ProductRule

  init?(_ operands: RuleOperands) {
    guard let theta = operands.vector("theta"),
      let a = Self.gather(theta, operands, "A"), let b = Self.gather(theta, operands, "B"),
      let product = ProductRule(b, a, operands)
    else { return nil }
    self.product = product
  }

  private static func gather(
    _ theta: [Double], _ operands: RuleOperands, _ side: String
  ) -> Matrix? {
    guard let indices = operands.matrix("indices" + side),
      var result = operands.matrix("scales" + side),
      result.numbers.count == indices.numbers.count
    else { return nil }
    for (at, number) in indices.numbers.enumerated() {
      guard let index = Int(exactly: number), theta.indices.contains(index) else { return nil }
      result.numbers[at] *= theta[index]
    }
    return result
  }
}

/// VB-LoRA: each run of a factor is a mean of some of the bank's vectors.
/// Source: PEFT `tuners/vblora/layer.py`.
struct VectorBankRule: PairMathematics {
  let product: ProductRule

  /// `bank` (N, v); of each side `logits` (…, …, N) and the number `topk`, or `indices` (…, …, k)
  /// and `weights` (…, …, k−1), whose last is what is missing to 1.
  init?(_ operands: RuleOperands) {
    guard let bank = operands.matrix("bank"),
      let across = Self.runs(bank, operands, "A"), let down = Self.runs(bank, operands, "B")
    else { return nil }
    // A: (r, tiles) runs along a row. B: (tiles, r) runs down a column.
    let a = Matrix(
      rows: across.outer, columns: across.inner * bank.columns, numbers: across.vectors.numbers)
    var b = Matrix(rows: down.outer * bank.columns, columns: down.inner)
    for tile in 0..<down.outer {
      for k in 0..<down.inner {
        for place in 0..<bank.columns {
          b[tile * bank.columns + place, k] = down.vectors[tile * down.inner + k, place]
        }
      }
    }
    guard let product = ProductRule(b, a, operands) else { return nil }
    self.product = product
  }

  private static func runs(
    _ bank: Matrix, _ operands: RuleOperands, _ side: String
  ) -> (outer: Int, inner: Int, vectors: Matrix)? {
    let name = operands.has("logits" + side) ? "logits" + side : "indices" + side
    guard let shape = operands.shapes[name], shape.count == 3, let all = operands.vector(name)
    else { return nil }
    let (count, width) = (shape[0] * shape[1], shape[2])
    let given = operands.vector("weights" + side)
    var vectors = Matrix(rows: count, columns: bank.columns)
    for run in 0..<count {
      let own = Array(all[(run * width)..<((run + 1) * width)])
      let chosen: [(index: Int, weight: Double)]?
      if let given {
        guard given.count == count * (width - 1) else { return nil }
        chosen = Self.chosen(
          own, Array(given[(run * (width - 1))..<((run + 1) * (width - 1))]))
      } else {
        guard let topk = operands.count("topk") else { return nil }
        chosen = Self.strongest(own, topk)
      }
      guard let chosen else { return nil }
      for (index, weight) in chosen {
        guard (0..<bank.rows).contains(index) else { return nil }
        vectors.add(weight, row: index, of: bank, to: run)
      }
    }
    return (shape[0], shape[1], vectors)
  }

  private static func chosen(
    _ indices: [Double], _ weights: [Double]
  ) -> [(index: Int, weight: Double)]? {
    var result: [(index: Int, weight: Double)] = []
    for (at, number) in indices.enumerated() {
      guard let index = Int(exactly: number) else { return nil }
      result.append((index, at < weights.count ? weights[at] : 1 - weights.reduce(0, +)))
    }
    return result
  }

  /// The largest logits with the softmax of them; of equal ones the first.
  private static func strongest(
    _ logits: [Double], _ count: Int
  ) -> [(index: Int, weight: Double)]? {
    guard (1...logits.count).contains(count) else { return nil }
    let order = logits.indices.sorted { (-logits[$0], $0) < (-logits[$1], $1) }.prefix(count)
    let powers = order.map { exp(logits[$0] - logits[order[0]]) }
    let sum = powers.reduce(0, +)
    return zip(order, powers).map { ($0, $1 / sum) }
  }
}

/// RandLoRA: n random pairs of rank r, weighed along both.
/// Source: PEFT `tuners/randlora/layer.py`.
struct RandomBasesRule: PairMathematics {
  let product: ProductRule

  /// `lambda` (r, n), `gamma` (n, least), `a` (r, 1, …), `b` (…, n or more, r). The two factors run
  /// through bases and ranks in different orders, and are multiplied all the same.
  init?(_ operands: RuleOperands) {
    let (least, most) = (
      min(operands.rows, operands.columns), max(operands.rows, operands.columns)
    )
    guard let lambda = operands.matrix("lambda"), let gamma = operands.matrix("gamma"),
      let a = operands.matrix("a"), let b = operands.matrix("b"),
      gamma.columns == least, gamma.rows == lambda.columns, a.rows == lambda.rows,
      a.columns >= least, b.rows >= most, b.columns >= lambda.rows * lambda.columns
    else { return nil }
    let (rank, count) = (lambda.rows, lambda.columns)
    var right = Matrix(rows: rank * count, columns: least)
    for k in 0..<rank {
      for n in 0..<count {
        for j in 0..<least { right[k * count + n, j] = lambda[k, n] * a[k, j] * gamma[n, j] }
      }
    }
    var left = Matrix(rows: most, columns: rank * count)
    for i in 0..<most {
      for at in 0..<(rank * count) { left[i, at] = b[i, at] }
    }
    let isWide = operands.columns > operands.rows
    guard
      let product = isWide
        ? ProductRule(right.transposed, left.transposed, operands)
        : ProductRule(left, right, operands)
    else { return nil }
    self.product = product
  }
}

/// BD-LoRA: one factor is block-diagonal, saved as its blocks one below the other.
/// Source: PEFT `tuners/lora/variants.py`, BdLoraLinearVariant.
struct BlockDiagonalPairRule: PairMathematics {
  let product: ProductRule

  init?(_ operands: RuleOperands) {
    guard var left = operands.matrix("left"), var right = operands.matrix("right"),
      let blocks = operands.count("blocks"), blocks > 0
    else { return nil }
    if left.columns != right.rows { left = Self.spread(left, blocks) }
    if right.columns != operands.columns { right = Self.spread(right, blocks) }
    guard let product = ProductRule(left, right, operands) else { return nil }
    self.product = product
  }

  private static func spread(_ compact: Matrix, _ blocks: Int) -> Matrix {
    let height = compact.rows / blocks
    var result = Matrix(rows: compact.rows, columns: compact.columns * blocks)
    for i in 0..<(height * blocks) {
      for j in 0..<compact.columns {
        result[i, i / height * compact.columns + j] = compact[i, j]
      }
    }
    return result
  }
}

/// GraLoRA: block (j, n) of N × N gets Σ_t B[j, n·q+t, o]·A[n, i, j·q+t], q = r/N.
/// Source: PEFT `tuners/gralora/layer.py`.
struct BlockPairsRule: WeightMathematics {
  private let a: [Double]
  private let b: [Double]
  private let count: Int
  private let rank: Int
  private let scale: Double

  init?(_ operands: RuleOperands) {
    guard let a = operands.shapes["a"], let b = operands.shapes["b"], a.count == 3, b.count == 3,
      a[0] > 0, a[0] == b[0], a[2] == b[1], a[2] % a[0] == 0, a[0] * b[2] == operands.rows,
      a[0] * a[1] == operands.columns, let scale = operands.number("scale")
    else { return nil }
    self.a = operands.vector("a")!
    self.b = operands.vector("b")!
    (count, rank) = (a[0], a[2])
    self.scale = scale
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    let width = band.columns / count
    let height = b.count / (count * rank)
    let share = rank / count
    for row in 0..<band.rows {
      let (j, o) = ((firstRow + row) / height, (firstRow + row) % height)
      for n in 0..<count {
        for t in 0..<share {
          let factor = scale * b[(j * rank + n * share + t) * height + o]
          for i in 0..<width {
            band[row, n * width + i] += factor * a[(n * width + i) * rank + j * share + t]
          }
        }
      }
    }
  }
}
