// A quantised weight as if it were stored plain: tiles and blocks ask for the bytes of a window in
// the type that the format's library returns, and everything behind them works as on a plain base.
//
// A window is decoded in pieces small enough for a core's cache; where the weight is stored
// transposed, a piece is decoded as it is stored and turned. Neither shows in the bytes.
import Kernels
import Planning
import Safetensors
import Storage

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

  /// The most elements of a piece, and of one that is turned: it fills whole lines of the cache
  /// with rows of the window.
  static let pieceElementCount = 1 << 15
  static let turnedElementCount = 1 << 16

  /// Writes a window's bytes, row by row without gaps.
  func read(
    _ window: Window, _ context: MergeContext, _ bench: Workbench,
    to bytes: UnsafeMutableRawBufferPointer
  ) throws(MergingError) {
    let most = isTransposed ? Self.turnedElementCount : Self.pieceElementCount
    let reader = OperandReader(context: context)
    bench.prepareDecoding(elementCount: most)
    let width = window.columns.count
    let size = dtype.byteCount
    // What is stored transposed is read in long runs along the window's rows.
    let height = isTransposed ? min(window.rows.count, most) : max(1, most / max(1, width))
    let across = isTransposed ? max(1, most / height) : min(width, most)
    try window.eachBlock(height: height, width: across) { (piece, _) throws(MergingError) in
      let place =
        (piece.rows.lowerBound - window.rows.lowerBound) * width + piece.columns.lowerBound
        - window.columns.lowerBound
      let room = unsafe bytes.baseAddress! + place * size
      if isTransposed { return try unsafe turn(piece, reader, bench, to: room, stride: width) }
      try decoder.decode(piece, reader, to: &bench.decoded)
      let runs = piece.columns.count == width ? 1 : piece.rows.count
      let length = piece.elementCount / runs
      unsafe bench.decoded.withUnsafeBytes { values in
        for run in 0..<runs {
          unsafe context.kernels.narrow(
            .single, values.baseAddress! + run * length * 4, to: room + run * width * size,
            dtype.element, count: length)
        }
      }
    }
  }

  /// Decodes a piece of the plain tensor as it is stored and writes its transpose to rows that lie
  /// `stride` elements apart.
  private func turn(
    _ piece: Window, _ reader: OperandReader, _ bench: Workbench,
    to room: UnsafeMutableRawPointer, stride: Int
  ) throws(MergingError) {
    // Rows of a piece may be of several matrices; each is turned by itself.
    var row = piece.rows.lowerBound
    while row < piece.rows.upperBound {
      let matrix = row / rows
      let end = min(piece.rows.upperBound, (matrix + 1) * rows)
      let stored = Window(
        rows: matrix * columns + piece.columns.lowerBound..<matrix * columns
          + piece.columns.upperBound,
        columns: row - matrix * rows..<end - matrix * rows)
      try decoder.decode(stored, reader, to: &bench.decoded)
      let narrowed = unsafe bench.narrowed.bytes.baseAddress!
      unsafe bench.decoded.withUnsafeBytes { values in
        unsafe reader.context.kernels.narrow(
          .single, values.baseAddress!, to: narrowed, dtype.element, count: stored.elementCount)
      }
      let target = unsafe room + (row - piece.rows.lowerBound) * stride * dtype.byteCount
      if dtype.byteCount == 2 {
        unsafe Self.turn(
          narrowed.assumingMemoryBound(to: UInt16.self), stored,
          to: target.assumingMemoryBound(to: UInt16.self), stride: stride)
      } else {
        unsafe Self.turn(
          narrowed.assumingMemoryBound(to: UInt32.self), stored,
          to: target.assumingMemoryBound(to: UInt32.self), stride: stride)
      }
      row = end
    }
  }

  /// Writes the transpose of a window's elements, in squares that are turned in the first cache.
  private static func turn<Element: FixedWidthInteger>(
    _ elements: UnsafePointer<Element>, _ window: Window, to target: UnsafeMutablePointer<Element>,
    stride: Int
  ) {
    let side = 32
    let width = window.columns.count
    unsafe withUnsafeTemporaryAllocation(of: Element.self, capacity: side * side) { square in
      let square = square.baseAddress!
      for top in Swift.stride(from: 0, to: window.rows.count, by: side) {
        let height = min(side, window.rows.count - top)
        for left in Swift.stride(from: 0, to: width, by: side) {
          let across = min(side, width - left)
          for row in 0..<height {
            let line = unsafe elements + (top + row) * width + left
            let turned = unsafe square + row
            for column in 0..<across { unsafe turned[column &* side] = line[column] }
          }
          for column in 0..<across {
            let (from, to) = unsafe (
              square + column * side, target + (left + column) * stride + top
            )
            // A count that the compiler knows becomes a few moves.
            unsafe height == side
              ? to.update(from: from, count: side) : to.update(from: from, count: height)
          }
        }
      }
    }
  }
}
