// LLM.int8(): value = code × largest magnitude of the row × 1/127, from left to right, each product
// rounded; 1/127 is the nearest Float32. Source: bitsandbytes `_ops.py` (int8_vectorwise_dequant).
import Planning
import Safetensors

struct RowMaximaDecoder: Decoder {
  private let columns: Int
  private let codes: TensorBytes
  private let scale: TensorBytes

  init?(_ stored: StoredWeight) {
    guard stored.matrices == 1,
      let codes = stored.operand("codes", [.i8], count: stored.elementCount),
      let scale = stored.operand("scale", [.f32], count: stored.rows)
    else { return nil }
    columns = stored.columns
    self.codes = codes
    self.scale = scale
  }

  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError) {
    let bytes = try reader.rows(codes, window.rows, bytes: window.columns, stride: columns)
    let scales = try reader.numbers(scale, window.rows)
    let width = window.columns.count
    unsafe window.fill(&values, from: bytes) { bytes, values in
      for row in 0..<window.rows.count {
        let (scale, step) = (scales[row], Self.step)
        let (codes, room) = unsafe (bytes + row * width, values + row * width)
        for i in 0..<width {
          unsafe room[i] = Float(Int32(Int8(bitPattern: codes[i]))) * scale * step
        }
      }
    }
  }

  private static let step = Float(bitPattern: 0x3C01_0204)
}
