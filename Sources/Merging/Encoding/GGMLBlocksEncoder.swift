// Rows of numbers → ggml's blocks, the bytes of gguf-py's `quantize`, which are those of ggml's
// reference quantisers. A row's blocks are all its own.
import GGUF
import Planning
import Safetensors

struct GGMLBlocksEncoder: Encoder {
  private let blocks: GGMLBlocks
  private let rule: GGMLBlockRule
  private let rowByteCount: Int

  init?(_ recipe: TensorRecipe, _ encoding: Encoding) {
    guard let type = encoding.int("type"), let blocks = GGMLBlocks(type: type),
      let rule = GGMLBlockRule(blocks.type.name), encoding.part == .codes, encoding.dtype == .f32,
      encoding.shape.count >= 2, let columns = encoding.shape.last, columns == recipe.columns,
      columns > 0, columns % blocks.elementCount == 0
    else { return nil }
    let blockCount = encoding.shape.reduce(1, *) / blocks.elementCount
    let (byteCount, isTooLarge) = blockCount.multipliedReportingOverflow(by: blocks.byteCount)
    guard !isTooLarge, Int64(byteCount) == recipe.byteCount else { return nil }
    self.blocks = blocks
    self.rule = rule
    rowByteCount = columns / blocks.elementCount * blocks.byteCount
  }

  func bytes(of rows: Range<Int>) -> Range<Int> {
    rows.lowerBound * rowByteCount..<rows.upperBound * rowByteCount
  }

  func encode(_ values: [Float], _ rows: Range<Int>) -> EncodedRows {
    let scales = (0..<values.count / GGMLBlockRule.elementCount).map {
      rule.scale(values.span.extracting(Self.elements(of: $0)))
    }
    let bytes = packed(values, scales)
    return EncodedRows(
      bytes: bytes, written: blocks.values(bytes),
      plain: { blocks.values(packed($0, scales)) })
  }

  private func packed(_ values: [Float], _ scales: [GGMLBlockScale]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: scales.count * blocks.byteCount)
    var span = bytes.mutableSpan
    for (block, scale) in scales.enumerated() {
      rule.write(
        values.span.extracting(Self.elements(of: block)), scale, to: &span,
        at: block * blocks.byteCount)
    }
    return bytes
  }

  private static func elements(of block: Int) -> Range<Int> {
    let size = GGMLBlockRule.elementCount
    return block * size..<(block + 1) * size
  }
}
