// AWQ's three layouts of four-bit codes: value = scale × (code − zero) of the input's group,
// rounded to the scale's type. A product of an 11-bit scale and a 5-bit difference is exact in
// Float32. Sources: AutoAWQ `modules/linear/gemm.py`, `gemv.py`, `gemv_fast.py`; llm-awq
// `qmodule.py`.
import Planning
import Safetensors

/// gemm: stored as (in, out), eight outputs a word in the order 0 2 4 6 1 3 5 7.
struct InterleavedNibblesDecoder: Decoder {
  private let rows: Int
  private let columns: Int
  private let group: Int
  private let codes: TensorBytes
  private let scale: TensorBytes
  private let zeros: TensorBytes

  private var width: Int { (columns + 7) / 8 }

  init?(_ stored: StoredWeight) {
    guard stored.matrices == 1, let group = stored.int("group") else { return nil }
    (rows, columns) = (stored.rows, stored.columns)
    self.group = group
    let (width, groups) = ((columns + 7) / 8, (rows + group - 1) / group)
    guard let codes = stored.operand("codes", [.i32], count: rows * width),
      let scale = stored.operand("scale", [.f16, .bf16], count: groups * columns),
      let zeros = stored.operand("zeros", [.i32], count: groups * width)
    else { return nil }
    self.codes = codes
    self.scale = scale
    self.zeros = zeros
  }

  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError) {
    let span = window.columns.parts(of: 8)
    let words = try reader.words(codes, window.rows, span, width: width)
    let count = window.columns.count
    var known = -1
    var scales: [Float] = []
    var offsets: [Float] = []
    for (index, row) in window.rows.enumerated() {
      if row / group != known {
        known = row / group
        scales = try reader.numbers(scale, known..<known + 1, window.columns, width: columns)
        let line = try reader.words(zeros, known..<known + 1, span, width: width)
        offsets = window.columns.map { Float(Self.nibble(line, $0 - span.lowerBound * 8)) }
      }
      let first = index * span.count * 8 + window.columns.lowerBound - span.lowerBound * 8
      for column in 0..<count {
        let code = Float(Self.nibble(words, first + column))
        values[index * count + column] = scales[column] * (code - offsets[column])
      }
    }
  }

  @inline(__always)
  private static func nibble(_ words: [UInt32], _ place: Int) -> Int {
    // Shifts of the outputs 0 … 7 of a word, in steps of four bits.
    let step = UInt32(truncatingIfNeeded: 0x7362_5140 >> (place & 7 * 4)) & 15
    return Int(words[place >> 3] >> (step * 4) & 15)
  }
}

/// gemv: rows of codes in order; scales and zero points of a row padded behind its groups.
struct RowNibblesDecoder: Decoder {
  private let columns: Int
  private let group: Int
  /// Words of zero points of a row.
  private let zeroWidth: Int
  private let codes: TensorBytes
  private let scale: TensorBytes
  private let zeros: TensorBytes

  init?(_ stored: StoredWeight) {
    guard stored.matrices == 1, let group = stored.int("group"), stored.columns % 8 == 0,
      let zeros = stored.operands["zeros"]?.tensor, zeros.dtype == .i32, stored.rows > 0
    else { return nil }
    columns = stored.columns
    self.group = group
    zeroWidth = zeros.elementCount / stored.rows
    guard zeroWidth * stored.rows == zeros.elementCount,
      zeroWidth * 8 >= (columns + group - 1) / group,
      let codes = stored.operand("codes", [.i32], count: stored.elementCount / 8),
      let scale = stored.operand("scale", [.f16, .bf16], count: zeros.elementCount * 8)
    else { return nil }
    self.codes = codes
    self.scale = scale
    self.zeros = zeros
  }

  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError) {
    let packing = PackedBits(bits: 4)
    let span = packing.words(of: window.columns)
    let words = try reader.words(codes, window.rows, span, width: columns / 8)
    let scales = try reader.numbers(
      scale, window.rows, 0..<zeroWidth * 8, width: zeroWidth * 8)
    let offsets = try reader.words(zeros, window.rows, 0..<zeroWidth, width: zeroWidth)
    let count = window.columns.count
    for row in 0..<window.rows.count {
      for (place, column) in window.columns.enumerated() {
        let code = packing.number(
          words, at: (column - span.lowerBound * 8) * 4, first: row * span.count)
        let zero = packing.number(offsets, at: column / group * 4, first: row * zeroWidth)
        values[row * count + place] =
          scales[row * zeroWidth * 8 + column / group] * Float(code - zero)
      }
    }
  }
}

/// gemv_fast: four rows and 64 columns a tile, zero points times scales already. The product and
/// the sum are rounded to the scale's type one after the other.
struct TiledNibblesDecoder: Decoder {
  private let rows: Int
  private let columns: Int
  private let group: Int
  private let codes: TensorBytes
  private let scale: TensorBytes
  private let zeros: TensorBytes

  init?(_ stored: StoredWeight) {
    guard stored.matrices == 1, let group = stored.int("group"), stored.columns % 64 == 0,
      stored.rows % 4 == 0, stored.rows > 0,
      let codes = stored.operand("codes", [.i16], count: stored.elementCount / 4),
      let scale = stored.operands["scale"]?.tensor, [.f16, .bf16].contains(scale.dtype),
      scale.elementCount % stored.rows == 0,
      let zeros = stored.operand("zeros", [scale.dtype], count: scale.elementCount)
    else { return nil }
    (rows, columns) = (stored.rows, stored.columns)
    self.group = group
    self.codes = codes
    self.scale = scale
    self.zeros = zeros
    guard scale.elementCount / rows >= (columns + group - 1) / group else { return nil }
  }

  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError) {
    let quads = window.rows.parts(of: 4)
    let tiles = window.columns.parts(of: 64)
    let bytes = try reader.rows(
      codes, quads, bytes: tiles.lowerBound * 128..<tiles.upperBound * 128, stride: columns * 2)
    let groups = window.columns.parts(of: group)
    let scales = try reader.numbers(scale, groups, window.rows, width: rows)
    let offsets = try reader.numbers(zeros, groups, window.rows, width: rows)
    let (count, height) = (window.columns.count, window.rows.count)
    let dtype = scale.dtype
    for (index, row) in window.rows.enumerated() {
      let line = (row / 4 - quads.lowerBound) * tiles.count * 128
      for (place, column) in window.columns.enumerated() {
        let within = column & 31
        let position = column & ~31 + 8 * ((within & 7) >> 1) + 4 * (within & 1) + within >> 3
        let word =
          64 * (position / 64 - tiles.lowerBound) + 16 * (row & 3) + position % 64 / 4
        let byte = bytes[line + word * 2 + (position & 3) >> 1]
        let code = Float(position & 1 == 0 ? byte & 15 : byte >> 4)
        let at = (column / group - groups.lowerBound) * height + index
        values[index * count + place] = dtype.rounded(
          dtype.rounded(code * scales[at]) + offsets[at])
      }
    }
  }
}
