// How a tensor is cut: into tiles (what is read and written at once, in file order) and, inside a
// tile, into blocks (what is worked on at once, in cache). Neither shows in the output's bytes.
import Kernels
import Planning

/// The tiles of a tensor: several whole rows each, or part of one row.
struct TileGrid: Equatable {
  let rows: Int
  let columns: Int
  let rowsAtOnce: Int
  let columnsAtOnce: Int

  /// `elementCount` is the most a tile may hold; pieces of a row are whole panels.
  init(rows: Int, columns: Int, elementCount: Int, panelWidth: Int) {
    self.rows = rows
    self.columns = columns
    if columns <= elementCount {
      let fitting = elementCount / max(1, columns)
      rowsAtOnce =
        fitting < Packing.leftRows ? fitting : fitting / Packing.leftRows * Packing.leftRows
      columnsAtOnce = columns
    } else {
      rowsAtOnce = 1
      columnsAtOnce = max(panelWidth, elementCount / panelWidth * panelWidth)
    }
  }

  /// Tiles of so many whole rows.
  init(rows: Int, columns: Int, rowsAtOnce: Int) {
    self.rows = rows
    self.columns = columns
    self.rowsAtOnce = max(1, rowsAtOnce)
    columnsAtOnce = columns
  }

  private var acrossCount: Int {
    columns == 0 ? 0 : (columns + columnsAtOnce - 1) / columnsAtOnce
  }

  var count: Int { (rows + rowsAtOnce - 1) / rowsAtOnce * acrossCount }

  /// Tiles in file order.
  subscript(tile: Int) -> Window {
    let row = tile / acrossCount * rowsAtOnce
    let column = tile % acrossCount * columnsAtOnce
    return Window(
      rows: row..<min(rows, row + rowsAtOnce),
      columns: column..<min(columns, column + columnsAtOnce))
  }
}

extension Window {
  var elementCount: Int { rows.count * columns.count }

  /// What two windows share; nil where that is nothing.
  func shared(with other: Window) -> Window? {
    let rows = rows.clamped(to: other.rows)
    let columns = columns.clamped(to: other.columns)
    guard !rows.isEmpty, !columns.isEmpty else { return nil }
    return Window(rows: rows, columns: columns)
  }

  /// Calls the body for each block of at most `height` × `width`, row by row of blocks; `newRows`
  /// is true for the first block of such a row.
  func eachBlock(
    height: Int, width: Int,
    _ body: (_ block: Window, _ newRows: Bool) throws(MergingError) -> Void
  ) throws(MergingError) {
    for row in stride(from: rows.lowerBound, to: rows.upperBound, by: height) {
      for column in stride(from: columns.lowerBound, to: columns.upperBound, by: width) {
        let block = Window(
          rows: row..<min(rows.upperBound, row + height),
          columns: column..<min(columns.upperBound, column + width))
        try body(block, column == columns.lowerBound)
      }
    }
  }
}
