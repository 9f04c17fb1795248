// Which groups, bytes and words hold a window's elements.
import Planning

extension Range<Int> {
  /// Numbers of the parts of `size` elements that hold some of these, of which there is one at
  /// least.
  func parts(of size: Int) -> Range<Int> { lowerBound / size..<(upperBound - 1) / size + 1 }

  /// Those of these elements that a part of `size` elements holds.
  func members(of part: Int, size: Int) -> Range<Int> {
    (part * size..<(part + 1) * size).clamped(to: self)
  }
}

extension Window {
  /// Calls the body with runs of elements of the flattened matrix of `columns` columns, and each
  /// run's place among the window's: one run where the window has whole rows, else one a row.
  func eachRun(
    of columns: Int, _ body: (_ run: Range<Int>, _ place: Int) throws(MergingError) -> Void
  ) throws(MergingError) {
    let isWhole = self.columns.count == columns
    var place = 0
    for row in isWhole ? 0..<1 : rows {
      let first = (isWhole ? rows.lowerBound : row) * columns + self.columns.lowerBound
      let count = isWhole ? elementCount : self.columns.count
      try body(first..<(first + count), place)
      place += count
    }
  }
}
