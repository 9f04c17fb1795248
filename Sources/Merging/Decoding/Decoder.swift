// How the values of a quantised weight come out of its stored tensors. Each form is one file in
// this folder and one line in `all`; what it is given is decided in `Checkpoints/Quantized`.
//
// A decoder gives exactly the numbers of the format's own library: where that library rounds on the
// way, so does the decoder. The last rounding, to the type that the library returns, is the
// caller's.
import Planning
import Safetensors

/// A form's arithmetic for one weight. Safe to use from several threads at once.
protocol Decoder: Sendable {
  /// nil where the stored tensors or numbers do not fit the weight.
  init?(_ stored: StoredWeight)

  /// Writes the values of a window of the stored matrix, row by row, to the front of `values`.
  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError)
}

/// A weight as its decoder is told of it: matrices of rows × columns below each other, in the
/// orientation in which they are stored.
struct StoredWeight {
  let name: String
  /// Several for stacked experts.
  let matrices: Int
  /// Of one matrix.
  let rows: Int
  let columns: Int
  let operands: [String: Operand]
  private let numbers: [String: Double]

  init?(_ recipe: TensorRecipe, _ decoding: Decoding) {
    name = recipe.name
    let shape = recipe.shape
    guard shape.count >= 2, let across = shape.last else { return nil }
    let down = shape[shape.count - 2]
    matrices = shape.dropLast(2).reduce(1, *)
    (rows, columns) = decoding.isTransposed ? (across, down) : (down, across)
    operands = Dictionary(decoding.operands.map { ($0.role, $0) }) { first, _ in first }
    numbers = Dictionary(decoding.numbers.map { ($0.key, $0.value) }) { first, _ in first }
  }

  /// An operand of so many elements and one of the types; nil where it is another.
  func operand(_ role: String, _ dtypes: [DType], count: Int) -> TensorBytes? {
    guard let operand = operands[role], dtypes.contains(operand.tensor.dtype),
      operand.tensor.elementCount == count
    else { return nil }
    return operand.tensor
  }

  /// A whole number of a range.
  func int(_ key: String, _ range: ClosedRange<Int> = 1...Int(Int32.max)) -> Int? {
    guard let number = numbers[key], let whole = Int(exactly: number), range.contains(whole) else {
      return nil
    }
    return whole
  }

  func number(_ key: String) -> Double? { numbers[key] }
  func flag(_ key: String) -> Bool { numbers[key] == 1 }

  var allRows: Int { matrices * rows }
  var elementCount: Int { allRows * columns }
}

enum Decoders {
  /// By the name that `Checkpoints/Quantized` gives the form.
  static let all: [String: any Decoder.Type] = [
    "nibbles": NibbleDecoder.self, "rowMaxima": RowMaximaDecoder.self,
    "scaledCodes": ScaledCodesDecoder.self, "packedRows": PackedRowsDecoder.self,
    "packedDown": PackedDownDecoder.self, "interleavedNibbles": InterleavedNibblesDecoder.self,
    "rowNibbles": RowNibblesDecoder.self, "tiledNibbles": TiledNibblesDecoder.self,
    "fourBitFloats": FourBitFloatsDecoder.self, "biasedRows": BiasedRowsDecoder.self,
    "slabs": SlabsDecoder.self, "ggmlBlocks": GGMLBlocksDecoder.self,
  ]
}
