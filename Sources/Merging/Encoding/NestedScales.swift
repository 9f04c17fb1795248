// Scales that are codes themselves, as bitsandbytes nests them: less an offset, in blocks of their
// own with a book of 256 numbers. Offset and book are the base's own; the library takes the mean of
// all scales as the offset, for which a weight would have to be seen whole.
// Source: bitsandbytes `functional.py` (quantize_4bit, dequantize_4bit).
import Planning
import Safetensors
import Storage

struct NestedScales {
  private let map: TensorBytes
  private let block: Int
  private let offset: Float
  private let tensor: String
  private var book: BlockwiseBook?

  /// nil where the form's numbers or stored tensors are not as they must be.
  init?(_ recipe: TensorRecipe, _ encoding: Encoding) {
    let map = recipe.decoding?.operands.first { $0.role == "nestedMap" }?.tensor
    guard encoding.flatGroup != nil, let block = encoding.nestedGroup,
      let offset = encoding.number("nestedOffset"), encoding.scaleDType == .u8,
      let map, map.dtype == .f32, map.elementCount == 256
    else { return nil }
    self.map = map
    self.block = block
    self.offset = Float(offset)
    tensor = recipe.name
  }

  /// Reads the book.
  mutating func prepare(_ reader: OperandReader) throws(MergingError) {
    let numbers = try reader.numbers(map, 0..<256)
    guard zip(numbers, numbers.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw .unfitRecipe(tensor: tensor, .map)
    }
    book = BlockwiseBook(numbers)
  }

  /// Bytes of the scales of so many scales, of whole blocks or all.
  func byteCount(_ scales: Int) -> Int {
    (scales + block - 1) / block * DType.f32.byteCount
  }

  /// What becomes of scales: of whole blocks from the first on, and at most one shorter last block.
  func coded(_ scales: [Float]) -> Coded {
    invariant(book != nil, "nested scales of \(tensor) without their book")
    let book = book!
    var coded = Coded()
    for start in stride(from: 0, to: scales.count, by: block) {
      let shifted = scales[start..<min(scales.count, start + block)].map { $0 - offset }
      let largest = shifted.reduce(0) { max($0, $1.magnitude) }
      let scale = book.scale(largest: largest, isRest: shifted.count < block)
      let (codes, values) = book.coded(shifted, scale)
      coded.codes += codes
      coded.scales.append(scale.stored)
      coded.values += values.map { $0 + offset }
    }
    return coded
  }

  struct Coded {
    var codes: [UInt8] = []
    /// Of each block.
    var scales: [Float] = []
    /// What the codes are read back as.
    var values: [Float] = []
  }
}
