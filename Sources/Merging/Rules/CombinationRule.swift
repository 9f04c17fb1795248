// Several low-rank updates of one weight taken together; see `Combination` in Planning. Source of
// the operators: PEFT `utils/merge_utils.py`; Yadav et al. 2023 (TIES), Yu et al. 2024 (DARE).
import Planning
import Storage

struct CombinationRule: WeightMathematics {
  private let pairs: [(left: Matrix, right: Matrix, weight: Double)]
  private let method: Combination.Method
  private let density: Double
  private let rank: Int
  private let stream: UInt64

  /// `left0`, `right0`, … (or `left0T`, their transposes), `scale0`, `weight0`, …; `count` of them;
  /// `head0`, … where rows of `left0` lie by halves of heads of so many and are to alternate;
  /// `method`, `density`, `rank`, and `stream` of the random choices.
  init?(_ operands: RuleOperands) {
    guard let count = operands.count("count"), count > 0,
      let method = operands.count("method").flatMap({ index in
        Combination.Method.allCases.indices.contains(index)
          ? Combination.Method.allCases[index] : nil
      }), let density = operands.number("density"), density > 0, density <= 1,
      let rank = operands.count("rank"), let stream = operands.number("stream"), stream >= 0
    else { return nil }
    var pairs: [(left: Matrix, right: Matrix, weight: Double)] = []
    for index in 0..<count {
      func factor(_ name: String) -> Matrix? {
        operands.matrix("\(name)\(index)") ?? operands.matrix("\(name)\(index)T")?.transposed
      }
      guard
        let left = factor("left").flatMap({ Self.alternating($0, operands.count("head\(index)")) }),
        let right = factor("right"), left.columns == right.rows,
        left.rows == operands.rows, right.columns == operands.columns,
        let scale = operands.number("scale\(index)"), let weight = operands.number("weight\(index)")
      else { return nil }
      pairs.append((scale * left, right, weight))
    }
    (self.pairs, self.method, self.density) = (pairs, method, density)
    (self.rank, self.stream) = (rank, UInt64(stream))
  }

  /// Rows of heads with their halves alternating, as `Factor.headRows` says; nil where the rows are
  /// no whole heads.
  private static func alternating(_ matrix: Matrix, _ head: Int?) -> Matrix? {
    guard let head else { return matrix }
    guard head > 0, head % 2 == 0, matrix.rows % head == 0 else { return nil }
    var order = Array(repeating: 0, count: matrix.rows)
    for run in Factor.runs(of: 0..<matrix.rows, headRows: head) {
      for (index, row) in run.stored.enumerated() { order[run.first + index * run.step] = row }
    }
    return Matrix(
      rows: matrix.rows, columns: matrix.columns, numbers: order.flatMap { matrix.row($0) })
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    var updates = pairs.map { $0.left * $0.right }
    let weights = pairs.map(\.weight)
    for index in updates.indices {
      switch method {
      case .ties, .magnitudePrune: keepLargest(&updates[index])
      case .dareLinear, .dareTies: keepSome(&updates[index], index)
      case .sum, .linear, .cat, .svd: break
      }
    }
    switch method {
    case .ties, .dareTies: elect(updates, weights, &band)
    case .svd:
      var sum = weighted(updates, weights)
      Truncation.keep(rank, of: &sum)
      band = band + sum
    case .sum, .linear, .cat, .dareLinear, .magnitudePrune:
      band = band + weighted(updates, weights)
    }
  }

  private func weighted(_ updates: [Matrix], _ weights: [Double]) -> Matrix {
    var sum = weights[0] * updates[0]
    for (update, weight) in zip(updates, weights).dropFirst() { sum = sum + weight * update }
    return sum
  }

  /// Zeroes all but the ⌊density·count⌋ largest elements; of equal ones the first stay.
  private func keepLargest(_ update: inout Matrix) {
    let count = Int(density * Double(update.numbers.count))
    guard count < update.numbers.count else { return }
    let sizes = update.numbers.map(\.magnitude)
    let limit = count == 0 ? .infinity : sizes.sorted(by: >)[count - 1]
    var left = count - sizes.count { $0 > limit }
    for (at, size) in sizes.enumerated() where size <= limit {
      if size == limit, left > 0 { left -= 1 } else { update.numbers[at] = 0 }
    }
  }

  /// Keeps each element with probability `density`, and divides it by that.
  private func keepSome(_ update: inout Matrix, _ index: Int) {
    guard density < 1 else { return }
    var words = SplitMix64(seed: stream &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15)
    for at in update.numbers.indices {
      let isKept = Double(words.next() >> 11) * 0x1p-53 < density
      update.numbers[at] = isKept ? update.numbers[at] / density : 0
    }
  }

  /// The sign of the plain sum is elected, and the mean is taken of those that have it, each with
  /// its own weight.
  private func elect(_ updates: [Matrix], _ weights: [Double], _ band: inout Matrix) {
    for at in band.numbers.indices {
      let sum = updates.reduce(0) { $0 + $1.numbers[at] }
      let isPositive = sum >= 0
      var total = 0.0
      var count = 0.0
      for (update, weight) in zip(updates, weights) {
        let value = update.numbers[at]
        guard value != 0, (value > 0) == isPositive else { continue }
        total += weight * value
        count += 1
      }
      band.numbers[at] += total / max(1, count)
    }
  }
}
