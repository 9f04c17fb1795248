// FP8 (E4M3) with a scale for each channel or block.
import Planning
import Safetensors

/// transformers' fine-grained FP8: f = (1 / m) · 448, which is how torch divides a number by a
/// tensor, scale = 1 / f, code = E4M3(x · f), each rounded to Float32; 1 for both where m is 0.
/// Where scales are powers of two, scale = 2^⌈log2(1 / f)⌉ and f = 1 / scale. Blocks at the edges
/// that are not whole, which that library leaves plain, go by the same rule.
/// Source: transformers `integrations/finegrained_fp8.py` (Fp8Quantize).
struct InverseFloat8Rule: GroupRule {
  let packing = CodePacking.bytes
  private let powersOfTwo: Bool

  init?(_ encoding: Encoding) {
    powersOfTwo = encoding.flag("powersOfTwo")
    guard powersOfTwo || encoding.scaleDType == .f32 else { return nil }
  }

  func scale(largest: Float, isRest: Bool) -> GroupScale {
    let factor = largest > 0 ? 1 / largest * 448 : 1
    let inverse = 1 / factor
    guard powersOfTwo else { return GroupScale(stored: inverse, factor: factor) }
    let least = max(inverse, .leastNormalMagnitude)
    let power = Float(
      sign: .plus, exponent: Int(Exponent.logarithm(least).rounded(.up)), significand: 1)
    return GroupScale(stored: power, factor: 1 / power)
  }

  func encode(
    _ values: UnsafePointer<Float>, _ count: Int, _ scale: GroupScale, to codes: Codes
  ) {
    for i in 0..<count { unsafe codes[i] = SmallFloat.e4m3Code(values[i] * scale.factor) }
  }

  func decode(_ codes: CodeBytes, _ count: Int, _ scale: GroupScale, to values: Values) {
    unsafe SmallFloat.e4m3.lookUp(codes, count, by: scale.stored, to: values)
  }
}

/// compressed-tensors' FP8: scale = m / 448 and code = E4M3(x / scale), each quotient rounded to
/// the scale's type first; where a scale comes out as 0 it is the type's epsilon. Source:
/// compressed-tensors `quantization/utils/helpers.py` (calculate_qparams), `forward_helpers.py`.
struct RatioFloat8Rule: GroupRule {
  let packing = CodePacking.bytes
  private let ratio: Ratio

  init?(_ encoding: Encoding) {
    guard let ratio = Ratio(encoding, range: 448) else { return nil }
    self.ratio = ratio
  }

  func scale(largest: Float, isRest: Bool) -> GroupScale { ratio.scale(largest) }

  func encode(
    _ values: UnsafePointer<Float>, _ count: Int, _ scale: GroupScale, to codes: Codes
  ) {
    unsafe ratio.eachQuotient(values, count, scale) { i, quotient in
      unsafe codes[i] = SmallFloat.e4m3Code(quotient)
    }
  }

  func decode(_ codes: CodeBytes, _ count: Int, _ scale: GroupScale, to values: Values) {
    unsafe SmallFloat.e4m3.lookUp(codes, count, to: values)
    unsafe ratio.dtype.scale(values, count, by: scale.stored)
  }
}

/// Division as compressed-tensors does it, in the types that its tensors have.
struct Ratio {
  /// Of scales, and of the values that come back.
  let dtype: DType
  /// Of x / scale: the common type of the two.
  private let quotientDType: DType
  /// Half of what codes span.
  private let range: Float

  init?(_ encoding: Encoding, range: Float) {
    guard [.bf16, .f16, .f32].contains(encoding.scaleDType) else { return nil }
    dtype = encoding.scaleDType
    quotientDType = encoding.dtype == dtype ? dtype : .f32
    self.range = range
  }

  func scale(_ largest: Float) -> GroupScale {
    var scale = dtype.rounded(largest / range)
    if scale == 0 { scale = epsilon }
    return GroupScale(stored: scale, factor: scale)
  }

  /// Calls the body with x / scale of each of some values.
  @inline(__always)
  func eachQuotient(
    _ values: UnsafePointer<Float>, _ count: Int, _ scale: GroupScale,
    _ body: (_ i: Int, _ quotient: Float) -> Void
  ) {
    quotientDType.each(count) { i, rounded in
      unsafe body(i, rounded(values[i] / scale.factor))
    }
  }

  private var epsilon: Float {
    switch dtype {
    case .bf16: 0x1p-7
    case .f16: 0x1p-10
    default: 0x1p-23
    }
  }
}
