// w ← w + scale · diag(rows)·left·diag(middle)·right·diag(columns): the pairs of AdaLoRA, VeRA and
// others, whose diagonals are trained beside them or instead of them.

struct ProductRule: WeightMathematics {
  private let left: Matrix
  private let right: Matrix

  /// `left` (out or more, r), `right` (r or more, in or more); `middle` r or more, `rows` out,
  /// `columns` in; `length` 1 for DeLoRA: the pair's directions at length 1, times it / r.
  init?(_ operands: RuleOperands) {
    guard let left = operands.matrix("left"), let right = operands.matrix("right") else {
      return nil
    }
    self.init(left, right, operands)
  }

  /// With factors that were made of other operands.
  init?(_ left: Matrix, _ right: Matrix, _ operands: RuleOperands) {
    var (left, right) = (left, right)
    // Of a right factor that goes on, the first ranks count.
    guard left.columns <= right.rows, left.rows >= operands.rows,
      right.columns >= operands.columns
    else { return nil }
    let rank = left.columns
    var scale = operands.number("scale") ?? 1
    if let length = operands.vector("length") {
      guard length.count == 1 else { return nil }
      scale *= length[0] / Double(rank)
      for k in 0..<rank {
        var sum = 0.0
        for i in 0..<left.rows { sum += left[i, k] * left[i, k] }
        let lengths =
          max(sum.squareRoot(), 1e-4)
          * max(Matrix.dot(right, k, right, k).squareRoot(), 1e-4)
        for j in 0..<right.columns { right[k, j] /= lengths }
      }
    }
    if let middle = operands.vector("middle") {
      guard middle.count >= rank else { return nil }
      for k in 0..<rank {
        for j in 0..<right.columns { right[k, j] *= middle[k] }
      }
    }
    if let columns = operands.vector("columns") {
      guard columns.count == operands.columns else { return nil }
      for k in 0..<right.rows {
        for j in columns.indices { right[k, j] *= columns[j] }
      }
    }
    let rows = operands.vector("rows")
    if let rows, rows.count != operands.rows { return nil }
    for i in 0..<operands.rows {
      for k in 0..<left.columns { left[i, k] *= (rows?[i] ?? 1) * scale }
    }
    self.left = left
    self.right = right
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    for i in 0..<band.rows {
      for k in 0..<left.columns { band.add(left[firstRow + i, k], row: k, of: right, to: i) }
    }
  }
}
