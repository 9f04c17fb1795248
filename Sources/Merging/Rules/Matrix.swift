// A matrix of Float64 in memory, row by row, and the few operations that rules are made of. Every
// sum runs in the order of its index, without fused steps, so that all machines give the same bits.

/// Rows × columns of Float64.
struct Matrix: Equatable {
  let rows: Int
  let columns: Int
  /// Row by row.
  var numbers: [Double]

  init(rows: Int, columns: Int, numbers: [Double]) {
    precondition(numbers.count == rows * columns)
    self.rows = rows
    self.columns = columns
    self.numbers = numbers
  }

  init(rows: Int, columns: Int) {
    self.init(
      rows: rows, columns: columns, numbers: Array(repeating: 0, count: rows * columns))
  }

  static func identity(_ size: Int) -> Matrix {
    var matrix = Matrix(rows: size, columns: size)
    for i in 0..<size { matrix[i, i] = 1 }
    return matrix
  }

  subscript(row: Int, column: Int) -> Double {
    get { numbers[row * columns + column] }
    set { numbers[row * columns + column] = newValue }
  }

  func row(_ index: Int) -> ArraySlice<Double> {
    numbers[(index * columns)..<((index + 1) * columns)]
  }

  var transposed: Matrix {
    var result = Matrix(rows: columns, columns: rows)
    for i in 0..<rows {
      for j in 0..<columns { result.numbers[j * rows + i] = numbers[i * columns + j] }
    }
    return result
  }

  static func * (a: Matrix, b: Matrix) -> Matrix {
    precondition(a.columns == b.rows)
    var result = Matrix(rows: a.rows, columns: b.columns)
    for i in 0..<a.rows {
      for k in 0..<a.columns { result.add(a[i, k], row: k, of: b, to: i) }
    }
    return result
  }

  static func * (scale: Double, a: Matrix) -> Matrix {
    Matrix(rows: a.rows, columns: a.columns, numbers: a.numbers.map { scale * $0 })
  }

  static func + (a: Matrix, b: Matrix) -> Matrix {
    precondition(a.rows == b.rows && a.columns == b.columns)
    return Matrix(
      rows: a.rows, columns: a.columns, numbers: zip(a.numbers, b.numbers).map { $0 + $1 })
  }

  static func - (a: Matrix, b: Matrix) -> Matrix { a + -1 * b }

  /// Adds `factor` times the first columns of another matrix's row to a row of this one.
  mutating func add(_ factor: Double, row source: Int, of other: Matrix, to target: Int) {
    let count = min(columns, other.columns)
    let (from, to) = (source * other.columns, target * columns)
    unsafe other.numbers.withUnsafeBufferPointer { others in
      unsafe numbers.withUnsafeMutableBufferPointer { own in
        guard let x = others.baseAddress, let y = own.baseAddress else { return }
        for j in 0..<count { unsafe y[to + j] += factor * x[from + j] }
      }
    }
  }

  /// Multiplies a run of a row by a square matrix: x ← x·M.
  mutating func multiply(row: Int, from first: Int, by matrix: Matrix, _ scratch: inout [Double]) {
    let size = matrix.rows
    let start = row * columns + first
    unsafe scratch.withUnsafeMutableBufferPointer { sums in
      unsafe matrix.numbers.withUnsafeBufferPointer { factors in
        unsafe numbers.withUnsafeMutableBufferPointer { own in
          guard let sum = sums.baseAddress, let m = factors.baseAddress,
            let x = own.baseAddress
          else { return }
          for j in 0..<size { unsafe sum[j] = 0 }
          for k in 0..<size {
            let value = unsafe x[start + k]
            for j in 0..<size { unsafe sum[j] += value * m[k * size + j] }
          }
          for j in 0..<size { unsafe x[start + j] = sum[j] }
        }
      }
    }
  }

  /// The sum of products of two rows.
  static func dot(_ a: Matrix, _ i: Int, _ b: Matrix, _ j: Int) -> Double {
    let (from, to) = (i * a.columns, j * b.columns)
    return unsafe a.numbers.withUnsafeBufferPointer { x in
      unsafe b.numbers.withUnsafeBufferPointer { y in
        var sum = 0.0
        for k in 0..<min(a.columns, b.columns) { unsafe sum += x[from + k] * y[to + k] }
        return sum
      }
    }
  }

  /// Solves A·X = B by Gauss with pivots; nil where A is singular.
  static func solve(_ a: Matrix, _ b: Matrix) -> Matrix? {
    precondition(a.rows == a.columns && a.rows == b.rows)
    var left = a
    var right = b
    let size = a.rows
    for step in 0..<size {
      let pivot = (step..<size).max { abs(left[$0, step]) < abs(left[$1, step]) }!
      guard left[pivot, step] != 0 else { return nil }
      if pivot != step {
        left.swapRows(pivot, step)
        right.swapRows(pivot, step)
      }
      for row in (step + 1)..<max(size, step + 1) {
        let factor = left[row, step] / left[step, step]
        if factor == 0 { continue }
        for k in step..<size { left[row, k] -= factor * left[step, k] }
        for k in 0..<right.columns { right[row, k] -= factor * right[step, k] }
      }
    }
    for step in (0..<size).reversed() {
      for k in 0..<right.columns {
        var value = right[step, k]
        for j in (step + 1)..<max(size, step + 1) { value -= left[step, j] * right[j, k] }
        right[step, k] = value / left[step, step]
      }
    }
    return right
  }

  private mutating func swapRows(_ a: Int, _ b: Int) {
    for k in 0..<columns { numbers.swapAt(a * columns + k, b * columns + k) }
  }
}
