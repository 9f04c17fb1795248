// Decompositions of matrices, in Float64 and in one fixed order of operations.

/// An orthonormal basis of a matrix's columns by Householder's mirrors, with the signs that
/// LAPACK's dgeqrf gives: the mirror sends a column to −sign(x_0)·‖x‖.
enum Orthogonal {
  /// The first factor (rows × columns) of a tall matrix's QR decomposition.
  static func factor(of matrix: Matrix) -> Matrix {
    // One column a row, so that each lies in one run.
    var columns = matrix.transposed
    let (count, length) = (columns.rows, columns.columns)
    var mirrors = Matrix(rows: count, columns: length)
    var factors = Array(repeating: 0.0, count: count)
    for k in 0..<min(count, length) {
      let alpha = columns[k, k]
      var rest = 0.0
      for i in (k + 1)..<max(length, k + 1) { rest += columns[k, i] * columns[k, i] }
      guard rest != 0 else { continue }
      let beta = -(alpha < 0 ? -1 : 1) * (alpha * alpha + rest).squareRoot()
      factors[k] = (beta - alpha) / beta
      mirrors[k, k] = 1
      for i in (k + 1)..<length { mirrors[k, i] = columns[k, i] / (alpha - beta) }
      for j in k..<count {
        let shared = Matrix.dot(columns, j, mirrors, k)
        columns.add(-factors[k] * shared, row: k, of: mirrors, to: j)
      }
    }
    var basis = Matrix(rows: count, columns: length)
    for j in 0..<count {
      basis[j, j] = 1
      for k in (0..<min(count, length)).reversed() where factors[k] != 0 {
        let shared = Matrix.dot(basis, j, mirrors, k)
        basis.add(-factors[k] * shared, row: k, of: mirrors, to: j)
      }
    }
    return basis.transposed
  }
}

/// Eigenvalues and eigenvectors of a symmetric matrix: Householder's tridiagonal form, then QL with
/// implicit shifts. Source: Wilkinson and Reinsch, Handbook for Automatic Computation II/2 and
/// II/3.
enum SymmetricEigen {
  /// Values in ascending order; the vectors are the rows of the matrix, in the same order.
  static func of(_ matrix: Matrix) -> (values: [Double], vectors: Matrix) {
    let size = matrix.rows
    var a = matrix
    var basis = Matrix.identity(size)
    for k in 0..<max(0, size - 2) { reduce(&a, &basis, step: k) }
    var diagonal = (0..<size).map { a[$0, $0] }
    var beside = (0..<size).map { $0 + 1 < size ? a[$0, $0 + 1] : 0 }
    solve(&diagonal, &beside, &basis)
    let order = diagonal.indices.sorted { (diagonal[$0], $0) < (diagonal[$1], $1) }
    return (
      order.map { diagonal[$0] },
      Matrix(rows: size, columns: size, numbers: order.flatMap { basis.row($0) })
    )
  }

  /// Clears row and column `step` beyond the first place beside the diagonal: A ← H·A·H, and the
  /// rows of the basis follow.
  private static func reduce(_ a: inout Matrix, _ basis: inout Matrix, step: Int) {
    let size = a.rows
    var mirror = Matrix(rows: 1, columns: size)
    var rest = 0.0
    for i in (step + 2)..<size { rest += a[step, i] * a[step, i] }
    guard rest != 0 else { return }
    let alpha = a[step, step + 1]
    let beta = -(alpha < 0 ? -1 : 1) * (alpha * alpha + rest).squareRoot()
    let factor = (beta - alpha) / beta
    mirror[0, step + 1] = 1
    for i in (step + 2)..<size { mirror[0, i] = a[step, i] / (alpha - beta) }
    // p = factor·A·v, w = p − (factor/2·vᵀp)·v, A ← A − v·wᵀ − w·vᵀ.
    var image = Matrix(rows: 1, columns: size)
    for i in step..<size { image[0, i] = factor * Matrix.dot(a, i, mirror, 0) }
    let half = 0.5 * factor * Matrix.dot(mirror, 0, image, 0)
    image.add(-half, row: 0, of: mirror, to: 0)
    for i in step..<size {
      a.add(-mirror[0, i], row: 0, of: image, to: i)
      a.add(-image[0, i], row: 0, of: mirror, to: i)
    }
    // Rows of the basis are the columns of H_0·H_1···: the whole turns by H.
    var shared = Matrix(rows: 1, columns: size)
    for i in (step + 1)..<size { shared.add(mirror[0, i], row: i, of: basis, to: 0) }
    for i in (step + 1)..<size { basis.add(-factor * mirror[0, i], row: 0, of: shared, to: i) }
  }

  private static func solve(_ d: inout [Double], _ e: inout [Double], _ basis: inout Matrix) {
    let size = d.count
    for l in 0..<size {
      var isDone = false
      for _ in 0..<200 where !isDone {
        var m = l
        while m + 1 < size {
          let scale = abs(d[m]) + abs(d[m + 1])
          if abs(e[m]) <= Double.ulpOfOne * scale { break }
          m += 1
        }
        if m == l {
          isDone = true
          continue
        }
        // Wilkinson's shift.
        var g = (d[l + 1] - d[l]) / (2 * e[l])
        var r = (g * g + 1).squareRoot()
        g = d[m] - d[l] + e[l] / (g + (g < 0 ? -r : r))
        var (s, c, p) = (1.0, 1.0, 0.0)
        var i = m - 1
        var isBroken = false
        while i >= l {
          let f = s * e[i]
          let b = c * e[i]
          r = (f * f + g * g).squareRoot()
          e[i + 1] = r
          if r == 0 {
            d[i + 1] -= p
            e[m] = 0
            isBroken = true
            break
          }
          s = f / r
          c = g / r
          g = d[i + 1] - p
          r = (d[i] - g) * s + 2 * c * b
          p = s * r
          d[i + 1] = g + p
          g = c * r - b
          basis.turn(i, i + 1, c, s)
          i -= 1
        }
        if isBroken { continue }
        d[l] -= p
        e[l] = g
        e[m] = 0
      }
    }
  }
}

extension Matrix {
  /// Turns two rows: row q becomes s·p + c·q, row p becomes c·p − s·q.
  fileprivate mutating func turn(_ p: Int, _ q: Int, _ c: Double, _ s: Double) {
    let (from, to) = (p * columns, q * columns)
    let count = columns
    unsafe numbers.withUnsafeMutableBufferPointer { own in
      guard let x = own.baseAddress else { return }
      for j in 0..<count {
        let upper = unsafe x[from + j]
        let lower = unsafe x[to + j]
        unsafe x[to + j] = s * upper + c * lower
        unsafe x[from + j] = c * upper - s * lower
      }
    }
  }
}
