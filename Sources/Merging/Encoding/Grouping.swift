import Planning

/// Which elements of a weight share a scale, and in which order scales are stored: groups of rows
/// and columns row by row of groups in each matrix, or runs of the flattened weight.
struct Grouping {
  /// Of all matrices.
  let allRows: Int
  let columns: Int
  private let rows: Int
  private let blockRows: Int
  private let blockColumns: Int
  private let flat: Int?

  init?(_ encoding: Encoding) {
    let shape = encoding.shape
    guard shape.count >= 2, let columns = shape.last, columns > 0,
      !shape.contains(where: { $0 < 1 })
    else { return nil }
    self.columns = columns
    rows = shape[shape.count - 2]
    allRows = shape.dropLast().reduce(1, *)
    (blockRows, blockColumns) = (encoding.blockRows, encoding.blockColumns)
    flat = encoding.flatGroup
    // Two codes share a byte.
    if let flat, flat % 2 != 0 || shape.count != 2 { return nil }
  }

  private var across: Int { (columns + blockColumns - 1) / blockColumns }
  private var down: Int { (rows + blockRows - 1) / blockRows }

  /// The first group of a row that begins one, or how many there are behind the last row.
  func first(of row: Int) -> Int {
    if let flat { return (row * columns + flat - 1) / flat }
    return (row / rows * down + (row % rows + blockRows - 1) / blockRows) * across
  }

  /// True for a last group of the flattened weight that is shorter than the others.
  func isRest(_ group: Int) -> Bool {
    guard let flat else { return false }
    return (group + 1) * flat > allRows * columns
  }

  /// Calls the body with each run of elements, counted from the first row's first, and its group.
  func eachRun(of rows: Range<Int>, _ body: (_ run: Range<Int>, _ group: Int) -> Void) {
    let start = rows.lowerBound * columns
    if let flat {
      var element = start
      while element < rows.upperBound * columns {
        let end = min(rows.upperBound * columns, (element / flat + 1) * flat)
        body(element - start..<end - start, element / flat)
        element = end
      }
      return
    }
    for row in rows {
      let line = (row / self.rows * down + row % self.rows / blockRows) * across
      for group in 0..<across {
        let first = row * columns - start + group * blockColumns
        let count = min(blockColumns, columns - group * blockColumns)
        body(first..<first + count, line + group)
      }
    }
  }
}

/// Where codes have their place in bytes.
enum CodePacking {
  /// A byte each.
  case bytes
  /// Two a byte, the even column's below; rows end with whole bytes or with whole words of 32 bits.
  case lowFirst(wordByteCount: Int)
  /// Bytes in words of 32 bits, with which rows end.
  case words
  /// Two a byte, the even element's above, through rows' ends; behind the last of an odd number
  /// lies `padding`.
  case highFirst(padding: UInt8)

  func byteCount(rows: Int, columns: Int) -> Int {
    switch self {
    case .bytes: rows * columns
    case .lowFirst(let word): rows * (((columns + 1) / 2 + word - 1) / word * word)
    case .words: rows * ((columns + 3) / 4 * 4)
    case .highFirst: (rows * columns + 1) / 2
    }
  }

  /// Bytes of codes of whole rows.
  func packed(_ codes: [UInt8], columns: Int) -> [UInt8] {
    let rows = codes.count / columns
    let stride = byteCount(rows: 1, columns: columns)
    switch self {
    case .bytes: return codes
    case .words:
      guard columns % 4 != 0 else { return codes }
      var bytes = [UInt8](repeating: 0, count: rows * stride)
      for row in 0..<rows {
        bytes.replaceSubrange(
          row * stride..<row * stride + columns, with: codes[row * columns..<(row + 1) * columns])
      }
      return bytes
    case .lowFirst:
      var bytes = [UInt8](repeating: 0, count: rows * stride)
      for row in 0..<rows {
        Self.pack(
          codes, row * columns..<(row + 1) * columns, lowAt: 0, to: &bytes, from: row * stride)
      }
      return bytes
    case .highFirst(let padding):
      var bytes = [UInt8](repeating: 0, count: (codes.count + 1) / 2)
      Self.pack(codes, 0..<codes.count, lowAt: 1, to: &bytes, from: 0)
      if codes.count % 2 != 0 { bytes[bytes.count - 1] |= padding }
      return bytes
    }
  }

  /// Packs pairs of codes, of which the one at `lowAt` goes below; a last one alone is the first of
  /// its pair.
  private static func pack(
    _ codes: [UInt8], _ range: Range<Int>, lowAt low: Int, to bytes: inout [UInt8], from first: Int
  ) {
    let pairs = range.count / 2
    let codes = codes.span.extracting(range)
    var room = bytes.mutableSpan
    for i in 0..<pairs {
      unsafe room[first &+ i] =
        codes[unchecked: 2 &* i &+ low] | codes[unchecked: 2 &* i &+ 1 &- low] &<< 4
    }
    if range.count % 2 != 0 { room[first + pairs] = codes[2 * pairs] << UInt8(low * 4) }
  }
}
