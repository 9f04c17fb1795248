// A matrix inside an adapter's file, as a recipe names it.
package import Safetensors

/// A matrix inside an input file, walked by strides; so one stored tensor serves as itself, as its
/// transpose, or as one expert's share of it.
package struct Factor: Equatable, Sendable {
  /// Index into `MergePlan.inputs`.
  package var file: Int
  /// Where element [0, 0] lies, counted in bytes from the start of the file.
  package var offset: Int64
  package var dtype: DType
  /// Elements from one stored row to the next, and from one column to the next.
  package var rowStride: Int
  package var columnStride: Int
  /// Rows of an attention head whose halves alternate in the matrix and follow each other in the
  /// file: of n, row h·n + 2j + t is the stored row h·n + t·n/2 + j. 0 where rows lie as stored.
  package var headRows: Int

  package init(
    file: Int, offset: Int64, dtype: DType, rowStride: Int, columnStride: Int, headRows: Int = 0
  ) {
    self.file = file
    self.offset = offset
    self.dtype = dtype
    self.rowStride = rowStride
    self.columnStride = columnStride
    self.headRows = headRows
  }

  /// Stored rows that follow each other, and where in a range of the matrix's rows they belong.
  package struct Run: Equatable, Sendable {
    package var stored: Range<Int>
    /// Counted from the range's first row.
    package var first: Int
    /// Rows from one to the next.
    package var step: Int

    /// Rows that lie as they are stored.
    package static func plain(_ rows: Range<Int>) -> Run { Run(stored: rows, first: 0, step: 1) }
  }

  /// The stored rows that a range of the matrix's is made of.
  package func runs(of rows: Range<Int>) -> [Run] { Self.runs(of: rows, headRows: headRows) }

  /// The same for heads of so many rows.
  package static func runs(of rows: Range<Int>, headRows: Int) -> [Run] {
    guard headRows > 0 else { return [.plain(rows)] }
    var runs: [Run] = []
    var start = rows.lowerBound
    while start < rows.upperBound {
      let head = start / headRows * headRows
      let end = min(rows.upperBound, head + headRows)
      for first in start..<min(start + 2, end) {
        let (pair, half) = ((first - head) / 2, (first - head) % 2)
        let stored = head + half * (headRows / 2) + pair
        runs.append(
          Run(
            stored: stored..<stored + (end - first + 1) / 2, first: first - rows.lowerBound,
            step: 2))
      }
      start = end
    }
    return runs
  }
}
