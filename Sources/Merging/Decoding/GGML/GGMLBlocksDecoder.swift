// ggml's blocks, as GGUF files store weights: rows of whole blocks one after the other, which are
// seen as bytes. A window takes whole blocks as they are; of one that it cuts, it takes a part.
import Planning
import Safetensors
import Storage

struct GGMLBlocksDecoder: Decoder {
  private let blocks: GGMLBlocks
  /// Of a row.
  private let blockCount: Int
  private let codes: TensorBytes

  init?(_ stored: StoredWeight) {
    guard let type = stored.int("type"), let blocks = GGMLBlocks(type: type),
      stored.columns % blocks.elementCount == 0
    else { return nil }
    blockCount = stored.columns / blocks.elementCount
    let (count, isTooLarge) = (stored.allRows * blockCount)
      .multipliedReportingOverflow(by: blocks.byteCount)
    guard !isTooLarge, let codes = stored.operand("codes", [.u8], count: count) else { return nil }
    self.blocks = blocks
    self.codes = codes
  }

  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError) {
    let parts = window.columns.parts(of: blocks.elementCount)
    let size = blocks.byteCount
    let bytes = try reader.rows(
      codes, window.rows, bytes: parts.lowerBound * size..<parts.upperBound * size,
      stride: blockCount * size)
    unsafe window.fill(&values, from: bytes) { unsafe write(window, parts, $0, to: $1) }
  }

  /// Takes apart the blocks `parts` of each of a window's rows.
  private func write(
    _ window: Window, _ parts: Range<Int>, _ bytes: CodeBytes, to values: Values
  ) {
    let size = blocks.elementCount
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: size) { whole in
      let whole = whole.baseAddress!
      var (block, room) = unsafe (bytes, values)
      for _ in window.rows {
        for part in parts {
          let members = window.columns.members(of: part, size: size)
          if members.count == size {
            unsafe blocks.write(block, to: room)
          } else {
            unsafe blocks.write(block, to: whole)
            unsafe room.update(
              from: whole + members.lowerBound - part * size, count: members.count)
          }
          unsafe block += blocks.byteCount
          unsafe room += members.count
        }
      }
    }
  }
}
