// HRA: W' = W·(I − 2û_0û_0ᵀ)·(I − 2û_1û_1ᵀ)···, or W·(I − 2QQᵀ) with orthonormal columns Q.
// Source: PEFT `tuners/hra/layer.py`.

struct ReflectionsRule: WeightMathematics {
  /// The planes' normals, one a row, of length 1.
  private let normals: Matrix

  /// `planes` (in, r); `orthogonal` for Gram and Schmidt's columns, in their order.
  init?(_ operands: RuleOperands) {
    guard let planes = operands.matrix("planes"), planes.rows == operands.columns else {
      return nil
    }
    var normals = planes.transposed
    for k in 0..<normals.rows {
      if operands.isOn("orthogonal") {
        for earlier in 0..<k {
          let shared = Matrix.dot(normals, k, normals, earlier)
          normals.add(-shared, row: earlier, of: normals, to: k)
        }
      }
      let length = Matrix.dot(normals, k, normals, k).squareRoot()
      guard length > 0 else { return nil }
      for j in 0..<normals.columns { normals[k, j] /= length }
    }
    self.normals = normals
  }

  /// One mirror after the other; orthogonal ones commute and together are I − 2QQᵀ.
  func apply(to band: inout Matrix, firstRow: Int) {
    for i in 0..<band.rows {
      for k in 0..<normals.rows {
        let shared = Matrix.dot(band, i, normals, k)
        band.add(-2 * shared, row: k, of: normals, to: i)
      }
    }
  }
}
