/// An update of single elements; an element named twice gains both values, in the order they came.
struct SparseUpdate {
  /// By row of the weight.
  private var entries: [Int: [(column: Int, value: Double)]] = [:]

  mutating func add(_ value: Double, row: Int, column: Int) {
    entries[row, default: []].append((column, value))
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    for i in 0..<band.rows {
      for entry in entries[firstRow + i] ?? [] { band[i, entry.column] += entry.value }
    }
  }
}
