// The quantiser that a weight of a base goes back through: the one of the library that writes the
// format, where that is a fixed rule of the weight alone. GPTQ, AWQ and their kin need data to
// quantise with and are none of these.
import Checkpoints
import OrderedJSON
import Safetensors

struct Quantiser {
  /// A name of `Merging/Encoding`.
  let name: String
  /// The tensor of its scales.
  let scale: QuantizedWeight.Operand
  private(set) var numbers: [(key: String, value: Double)]

  /// Why a weight cannot go back.
  struct Fault: Error { var reason: String }

  init(_ weight: QuantizedWeight, _ checkpoint: Checkpoint) throws(Fault) {
    let roles = weight.operands.map(\.role)
    if roles.contains("zeros") {
      throw Fault(reason: "its codes have zero points, which only data can choose")
    }
    if roles.contains("order") {
      throw Fault(reason: "its groups do not follow each other")
    }
    let isNested = roles == ["codes", "absmax", "nestedAbsmax", "nestedMap"]
    guard roles.count == 2 || isNested, let scale = weight.operands.dropFirst().first,
      let found = try Self.rule(weight, scale.tensor.dtype, checkpoint)
    else { throw Fault(reason: "this tool has no quantiser of this form") }
    name = found.name
    self.scale = scale
    numbers = weight.numbers.merging(found.numbers) { $1 }.sorted { $0.key < $1.key }
      .map { ($0.key, $0.value) }
  }

  private typealias Rule = (name: String, numbers: [String: Double])

  private static func rule(
    _ weight: QuantizedWeight, _ scale: DType, _ checkpoint: Checkpoint
  ) throws(Fault) -> Rule? {
    let method = checkpoint.quantization?.lowercased() ?? ""
    let codes = weight.main.dtype
    switch weight.form {
    case "scaledCodes" where method == "compressed-tensors" && DType.working.contains(scale):
      let isInteger = codes == .i8
      guard isInteger || codes == .f8E4M3 else { return nil }
      return (isInteger ? "integers" : "ratioFloat8", ["bits": 8])
    case "scaledCodes" where ["fp8", "mxfp8"].contains(method) && codes == .f8E4M3:
      let isExponent = scale == .f8E8M0 || scale == .u8
      guard isExponent || scale == .f32 else { return nil }
      let isNamed = checkpoint.quantizationSection["scale_fmt"]?.text == "ue8m0"
      return ("inverseFloat8", ["powersOfTwo": isExponent || isNamed ? 1 : 0])
    case "packedRows":
      guard let bits = weight.numbers["bits"], bits == 4 || bits == 8 else { return nil }
      return ("integers", ["packed": 1])
    case "nibbles":
      if weight.numbers["isFloat"] == 1 { return nil }
      return ("normalFloat4", [:])
    case "fourBitFloats" where weight.title == "MXFP4": return ("sharedExponents", [:])
    default: return nil
    }
  }
}

extension DType {
  /// Types that compressed-tensors computes scales in.
  fileprivate static let working: [DType] = [.bf16, .f16, .f32]
}
