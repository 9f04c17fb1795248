// Codes of eight bits, small floats or whole numbers: value = (code − zero) × scale of the code's
// block. Some libraries compute in the scale's type, so that the product is rounded to it first.
// Sources: DeepSeek-V3 `fp8_cast_bf16.py`, transformers `finegrained_fp8.py`, `fbgemm_fp8.py`,
// compressed-tensors `forward_helpers.py`.
import Planning
import Safetensors

struct ScaledCodesDecoder: Decoder {
  private let rows: Int
  private let columns: Int
  private let blockRows: Int
  private let blockColumns: Int
  private let codes: TensorBytes
  private let scale: TensorBytes
  private let zeros: TensorBytes?
  private let table: [Float]
  /// The type that differences and products are rounded to.
  private let working: DType

  private var across: Int { (columns + blockColumns - 1) / blockColumns }
  private var down: Int { (rows + blockRows - 1) / blockRows }

  init?(_ stored: StoredWeight) {
    let types: [DType] = [.i8, .f8E4M3, .f8E5M2, .f8E4M3FNUZ, .f8E5M2FNUZ]
    guard let blockRows = stored.int("blockRows"), let blockColumns = stored.int("blockColumns"),
      let codes = stored.operands["codes"]?.tensor,
      types.contains(codes.dtype) || codes.dtype == .u32,
      codes.byteCount == Int64(stored.elementCount),
      // Words of 32 bits hold four E4M3.
      let table = codes.dtype == .u32 ? SmallFloat.e4m3 : SmallFloat.table(of: codes.dtype)
    else { return nil }
    (rows, columns) = (stored.rows, stored.columns)
    (self.blockRows, self.blockColumns) = (blockRows, blockColumns)
    self.codes = codes
    self.table = table
    let blocks =
      stored.matrices * ((rows + blockRows - 1) / blockRows)
      * ((columns + blockColumns - 1) / blockColumns)
    guard
      let scale = stored.operand("scale", DType.scales + [.f8E8M0, .u8], count: blocks)
    else { return nil }
    self.scale = scale
    working = stored.flag("inScaleType") ? scale.dtype : .f32
    zeros = stored.operand("zeros", types, count: blocks)
    if stored.operands["zeros"] != nil, zeros == nil { return nil }
  }

  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError) {
    let bytes = try reader.rows(codes, window.rows, bytes: window.columns, stride: columns)
    let width = window.columns.count
    let blocks = window.columns.parts(of: blockColumns)
    var known = -1
    var scales: [Float] = []
    var offsets: [Float] = []
    for (index, row) in window.rows.enumerated() {
      let line = row / rows * down + row % rows / blockRows
      if line != known {
        scales = try reader.numbers(scale, line..<(line + 1), blocks, width: across)
        if let zeros {
          offsets = try reader.numbers(zeros, line..<(line + 1), blocks, width: across)
        }
        known = line
      }
      unsafe window.fill(&values, from: bytes) { bytes, values in
        let room = unsafe values + index * width
        unsafe table.lookUp(bytes + index * width, width, to: room)
        for block in blocks {
          let columns = window.columns.members(of: block, size: blockColumns)
          let run = unsafe room + columns.lowerBound - window.columns.lowerBound
          let at = block - blocks.lowerBound
          if zeros == nil {
            unsafe working.scale(run, columns.count, by: scales[at])
          } else {
            unsafe working.scale(run, columns.count, less: offsets[at], by: scales[at])
          }
        }
      }
    }
  }
}
