// A quantised weight as if it were stored plain: tiles and blocks ask for the bytes of a window in
// the type that the format's library returns, and everything behind them works as on a plain base.
//
// A window is decoded in pieces small enough for a core's cache; where the weight is stored
// transposed, a piece is decoded as it is stored and turned. Neither shows in the bytes.
import Kernels
import Planning
import Safetensors

/// A quantised weight's decoder, ready.
struct DecodedSource {
  private let decoder: any Decoder
  private let dtype: DType
  private let isTransposed: Bool
  /// Of the plain tensor: of one matrix, and columns of all.
  private let rows: Int
  private let columns: Int

  /// nil where the recipe's decoding does not fit its tensor.
  init?(_ recipe: TensorRecipe, _ decoding: Decoding) {
    guard recipe.columns == recipe.shape.last, decoding.dtype.isMergeable, decoding.dtype != .f64,
      let type = Decoders.all[decoding.form], let stored = StoredWeight(recipe, decoding),
      let decoder = type.init(stored)
    else { return nil }
    self.decoder = decoder
    dtype = decoding.dtype
    isTransposed = decoding.isTransposed
    rows = recipe.shape[recipe.shape.count - 2]
    columns = recipe.columns
  }

  /// The most elements of a piece.
  static let pieceElementCount = 1 << 15

  /// Writes a window's bytes, row by row without gaps.
  func read(
    _ window: Window, _ context: MergeContext, _ bench: Workbench,
    to bytes: UnsafeMutableRawBufferPointer
  ) throws(MergingError) {
    let most = Self.pieceElementCount
    let reader = OperandReader(context: context)
    let width = window.columns.count
    let size = dtype.byteCount
    // What is stored transposed is read in long runs along the window's rows.
    let height = isTransposed ? min(window.rows.count, most) : max(1, most / max(1, width))
    let across = isTransposed ? max(1, most / height) : min(width, most)
    try window.eachBlock(height: height, width: across) { (piece, _) throws(MergingError) in
      try decode(piece, reader, bench)
      let count = piece.columns.count
      let runs = count == width ? 1 : piece.rows.count
      let length = piece.elementCount / runs
      unsafe bench.decoded.withUnsafeBytes { values in
        for run in 0..<runs {
          let place =
            (piece.rows.lowerBound - window.rows.lowerBound + run) * width
            + piece.columns.lowerBound - window.columns.lowerBound
          unsafe context.kernels.narrow(
            .single, values.baseAddress! + run * length * 4,
            to: bytes.baseAddress! + place * size, dtype.element, count: length)
        }
      }
    }
  }

  /// The values of a piece of the plain tensor, into the workbench.
  private func decode(
    _ piece: Window, _ reader: OperandReader, _ bench: Workbench
  ) throws(MergingError) {
    guard isTransposed else { return try decoder.decode(piece, reader, to: &bench.decoded) }
    // Rows of a piece may be of several matrices; each is turned by itself.
    var row = piece.rows.lowerBound
    while row < piece.rows.upperBound {
      let matrix = row / rows
      let end = min(piece.rows.upperBound, (matrix + 1) * rows)
      let stored = Window(
        rows: matrix * columns + piece.columns.lowerBound..<matrix * columns
          + piece.columns.upperBound,
        columns: row - matrix * rows..<end - matrix * rows)
      try decoder.decode(stored, reader, to: &bench.turned)
      let (height, width) = (stored.columns.count, stored.rows.count)
      let first = (row - piece.rows.lowerBound) * width
      Self.turn(bench.turned, rows: width, columns: height, to: &bench.decoded, from: first)
      row = end
    }
  }

  /// Writes the transpose of a matrix, in squares that stay in the first cache.
  private static func turn(
    _ matrix: [Float], rows: Int, columns: Int, to values: inout [Float], from first: Int
  ) {
    let side = 32
    for top in stride(from: 0, to: rows, by: side) {
      for left in stride(from: 0, to: columns, by: side) {
        for column in left..<min(columns, left + side) {
          for row in top..<min(rows, top + side) {
            values[first + column * rows + row] = matrix[row * columns + column]
          }
        }
      }
    }
  }
}
