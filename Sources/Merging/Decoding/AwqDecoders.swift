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
    // Words are taken apart whole, and the window's columns are cut out of them.
    let cut = window.columns.lowerBound - span.lowerBound * 8
    var known = -1
    var scales: [Float] = []
    var offsets: [Float] = []
    for (index, row) in window.rows.enumerated() {
      if row / group != known {
        known = row / group
        scales = try reader.numbers(scale, known..<known + 1, window.columns, width: columns)
        let line = try reader.words(zeros, known..<known + 1, span, width: width)
        offsets = Array(Self.numbers(line, 0..<span.count)[cut..<cut + window.columns.count])
      }
      let codes = Self.numbers(words, index * span.count..<(index + 1) * span.count)
      let count = scales.count
      unsafe values.withUnsafeMutableBufferPointer { values in
        let room = unsafe UnsafeMutableBufferPointer(
          rebasing: values[index * count..<(index + 1) * count])
        _ = unsafe room.update(fromContentsOf: codes[cut..<cut + count])
        unsafe DType.f32.scale(room.baseAddress!, count, less: offsets, by: scales)
      }
    }
  }

  /// Eight numbers of each of some words.
  private static func numbers(_ words: [UInt32], _ range: Range<Int>) -> [Float] {
    unsafe [Float](unsafeUninitializedCapacity: range.count * 8) { values, count in
      count = range.count * 8
      var room = values.baseAddress!
      for word in words[range] {
        for i in 0..<4 {
          let pair = word &>> UInt32(i &* 4)
          unsafe room[2 &* i] = Float(Int32(bitPattern: pair & 15))
          unsafe room[2 &* i &+ 1] = Float(Int32(bitPattern: pair &>> 16 & 15))
        }
        unsafe room += 8
      }
    }
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
    let span = packing.bytes(of: window.columns)
    let bytes = try reader.rows(codes, window.rows, bytes: span, stride: columns / 2)
    let groups = window.columns.parts(of: group)
    let width = zeroWidth * 8
    let scales = try reader.numbers(scale, window.rows, groups, width: width)
    let offsets = packing.along(
      try reader.rows(zeros, window.rows, bytes: 0..<zeroWidth * 4, stride: zeroWidth * 4),
      0..<window.rows.count * width)
    unsafe window.fill(&values, from: bytes) { bytes, values in
      for row in 0..<window.rows.count {
        let room = unsafe values + row * window.columns.count
        unsafe packing.write(bytes + row * span.count, window.columns, to: room)
        for at in groups {
          let run = window.columns.members(of: at, size: group)
          unsafe DType.f32.scale(
            room + run.lowerBound - window.columns.lowerBound, run.count,
            lessWhole: offsets[row * width + at],
            by: scales[row * groups.count + at - groups.lowerBound])
        }
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
    unsafe window.fill(&values, from: bytes) { bytes, values in
      for (index, row) in window.rows.enumerated() {
        let line =
          unsafe bytes + (row / 4 - quads.lowerBound) * tiles.count * 128 + 32 * (row & 3)
        let room = unsafe values + index * count - window.columns.lowerBound
        for tile in tiles {
          unsafe Self.write(
            line + (tile - tiles.lowerBound) * 128, tile,
            window.columns.members(of: tile, size: 64), to: room)
        }
        for at in groups {
          let run = window.columns.members(of: at, size: group)
          let place = (at - groups.lowerBound) * height + index
          unsafe scale.dtype.scale(
            room + run.lowerBound, run.count, by: scales[place], plus: offsets[place])
        }
      }
    }
  }

  /// Writes the codes of some columns of a tile's row to their places in a row of values. Of 32
  /// codes that follow each other, those of columns 8 a + 2 b + c lie at 8 b + 4 c + a.
  private static func write(
    _ codes: CodeBytes, _ tile: Int, _ columns: Range<Int>, to row: Values
  ) {
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 128) { room in
      let (stored, turned) = unsafe (room.baseAddress!, room.baseAddress! + 64)
      unsafe NibblePairs.wholeNumbers.write(codes, from: 0, count: 64, to: stored)
      for place in 0..<64 {
        let (a, b, c) = (place &>> 3 & 3, place &>> 1 & 3, place & 1)
        unsafe turned[place] = stored[place & 32 | b &<< 3 | c &<< 2 | a]
      }
      unsafe (row + columns.lowerBound).update(
        from: turned + columns.lowerBound - tile * 64, count: columns.count)
    }
  }
}
