// bitsandbytes in four bits: value = codebook[code] × absmax of the code's block. Codes and blocks
// run through the rows' ends; of two codes in a byte the even one is above.
//
// An absmax in eight bits is itself map[code] × the largest of its own block, rounded, plus an
// offset, rounded again. Source: bitsandbytes `functional.py` (dequantize_4bit), `csrc/kernels.cu`.
import Planning
import Safetensors

struct NibbleDecoder: Decoder {
  private let columns: Int
  private let codes: TensorBytes
  private let absmax: TensorBytes
  private let block: Int
  private let pairs: NibblePairs
  private let nested: Nested?

  private struct Nested {
    var absmax: TensorBytes
    var map: TensorBytes
    var block: Int
    var offset: Float
  }

  init?(_ stored: StoredWeight) {
    let count = stored.elementCount
    guard stored.matrices == 1, let block = stored.int("block"), block % 2 == 0,
      let codes = stored.operands["codes"]?.tensor, codes.byteCount == Int64((count + 1) / 2)
    else { return nil }
    let blocks = (count + block - 1) / block
    guard let absmax = stored.operand("absmax", [.f32, .u8], count: blocks) else { return nil }
    columns = stored.columns
    self.codes = codes
    self.absmax = absmax
    self.block = block
    pairs = stored.flag("isFloat") ? Self.fp4Pairs : Self.nf4Pairs
    guard absmax.dtype == .u8 else {
      nested = nil
      return
    }
    guard let size = stored.int("nestedBlock"), let offset = stored.number("nestedOffset"),
      let most = stored.operand("nestedAbsmax", [.f32], count: (blocks + size - 1) / size),
      let map = stored.operand("nestedMap", [.f32], count: 256)
    else { return nil }
    nested = Nested(absmax: most, map: map, block: size, offset: Float(offset))
  }

  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError) {
    try window.eachRun(of: columns) { (run, place) throws(MergingError) in
      try decode(run, reader, to: &values, from: place)
    }
  }

  /// A run of the flattened weight.
  private func decode(
    _ range: Range<Int>, _ reader: OperandReader, to values: inout [Float], from place: Int
  ) throws(MergingError) {
    let span = range.parts(of: 2)
    let bytes = try reader.bytes(codes, span)
    let blocks = range.parts(of: block)
    let scales = try scales(blocks, reader)
    let room = Window(rows: 0..<1, columns: 0..<place + range.count)
    unsafe room.fill(&values, from: bytes) { bytes, values in
      for index in blocks {
        let run = range.members(of: index, size: block)
        unsafe pairs.write(
          bytes, from: run.lowerBound - span.lowerBound * 2, count: run.count,
          by: scales[index - blocks.lowerBound],
          to: values + place + run.lowerBound - range.lowerBound)
      }
    }
  }

  private func scales(
    _ range: Range<Int>, _ reader: OperandReader
  ) throws(MergingError) -> [Float] {
    guard let nested else { return try reader.numbers(absmax, range) }
    let codes = try reader.bytes(absmax, range)
    let map = try reader.numbers(nested.map, 0..<256)
    let blocks = range.parts(of: nested.block)
    let most = try reader.numbers(nested.absmax, blocks)
    return zip(range, codes).map { index, code in
      let product = map[Int(code)] * most[index / nested.block - blocks.lowerBound]
      return product + nested.offset
    }
  }

  /// As the kernels have them, whatever map lies in the file.
  static let nf4: [Float] = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
  ]
  /// Code 8 is 0, as in the library's table and in the map that lies in the file; its kernels for
  /// GPUs write −0 there.
  private static let fp4: [Float] = {
    let magnitudes: [Float] = [0, 0.0625, 8, 12, 4, 6, 2, 3].map { $0 / 12 }
    return magnitudes + magnitudes.map { 0 - $0 }
  }()

  private static let nf4Pairs = NibblePairs(nf4, .highFirst)
  private static let fp4Pairs = NibblePairs(fp4, .highFirst)
}
