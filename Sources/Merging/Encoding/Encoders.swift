// How merged values go back into a quantised form. Elements that share a scale are a group; a rule
// makes a scale of a group's largest magnitude and codes of its elements by that scale, and packing
// puts codes into bytes. Each rule is one file in this folder and one line in `of`.
//
// Groups, and rows whose groups are all their own, depend on the form alone, so that the bytes do
// not depend on how a tensor is cut.
import Planning
import Safetensors

/// A weight's way back into its form, ready. Safe to use from several threads at once.
protocol Encoder: Sendable {
  /// Reads what the form needs of the base, before anything is encoded.
  mutating func prepare(_ reader: OperandReader) throws(MergingError)

  /// Bytes of the output that hold so many rows of the weight: whole `rowsTogether` from its first.
  func bytes(of rows: Range<Int>) -> Range<Int>

  /// The part's bytes for some rows, of which `values` has the whole.
  func encode(_ values: [Float], _ rows: Range<Int>) -> EncodedRows
}

extension Encoder {
  func prepare(_ reader: OperandReader) {}
}

/// What became of some rows.
struct EncodedRows {
  var bytes: [UInt8] = []
  /// The values that the codes stand for, in the type of the format's library.
  var written: [Float] = []
  /// What the rows would have been with other values and the scales that these have.
  var plain: ([Float]) -> [Float] = { $0 }
}

enum Encoders {
  /// The encoder of a recipe; nil where its form is not known or does not fit its shape.
  static func of(_ recipe: TensorRecipe, _ encoding: Encoding) -> (any Encoder)? {
    switch encoding.form {
    case "inverseFloat8": GroupEncoder<InverseFloat8Rule>(recipe, encoding)
    case "ratioFloat8": GroupEncoder<RatioFloat8Rule>(recipe, encoding)
    case "integers": GroupEncoder<IntegerRule>(recipe, encoding)
    case "normalFloat4": GroupEncoder<NormalFloat4Rule>(recipe, encoding)
    case "sharedExponents": GroupEncoder<SharedExponentRule>(recipe, encoding)
    case "ggmlBlocks": GGMLBlocksEncoder(recipe, encoding)
    default: nil
    }
  }
}

/// The scale of a group: as it is stored, and as elements are scaled by it on their way to codes.
struct GroupScale {
  var stored: Float
  var factor: Float
}

/// The arithmetic of one form. Values and largest magnitudes are finite.
protocol GroupRule: Sendable {
  /// Where codes have their place in bytes.
  var packing: CodePacking { get }
  /// nil where the form's numbers are not as they must be.
  init?(_ encoding: Encoding)
  /// `isRest` is true of a last group with fewer elements than the others.
  func scale(largest: Float, isRest: Bool) -> GroupScale
  /// Writes the codes of a run of values of one group.
  func encode(
    _ values: UnsafePointer<Float>, _ count: Int, _ scale: GroupScale, to codes: Codes)
  /// Writes what the form's library reads back, before it rounds to its type.
  func decode(_ codes: CodeBytes, _ count: Int, _ scale: GroupScale, to values: Values)
}

/// Room for codes, a byte each.
typealias Codes = UnsafeMutablePointer<UInt8>
