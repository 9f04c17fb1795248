// Text tables: columns as wide as their widest cell, two spaces between, numbers at the right.

/// Rows of text under headings.
struct Table: Equatable, Sendable {
  struct Column: Equatable, Sendable {
    var title: String
    var isNumeric: Bool

    static func text(_ title: String) -> Column { Column(title: title, isNumeric: false) }
    static func number(_ title: String) -> Column { Column(title: title, isNumeric: true) }
  }

  var columns: [Column]
  var rows: [[String]] = []

  init(_ columns: Column...) { self.columns = columns }

  mutating func add(_ cells: String...) { rows.append(cells) }

  /// The table with a heading line; each line ends in a newline and in nothing else that is blank.
  func text(indent: Int = 0) -> String {
    let rows = self.rows.map { $0.map(\.harmless) }
    var widths = columns.map(\.title.count)
    for row in rows {
      for (index, cell) in row.enumerated() { widths[index] = max(widths[index], cell.count) }
    }
    var text = ""
    for row in [columns.map(\.title)] + rows {
      var line = String(repeating: " ", count: indent)
      for (index, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[index] - cell.count)
        line += (index > 0 ? "  " : "") + (columns[index].isNumeric ? space + cell : cell + space)
      }
      while line.last == " " { line.removeLast() }
      text += line + "\n"
    }
    return text
  }
}
