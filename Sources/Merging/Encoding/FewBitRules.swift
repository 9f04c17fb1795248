// Whole numbers of 4 and 8 bits, and floats of four bits.
import Planning
import Safetensors

/// compressed-tensors' symmetric whole numbers: scale = m / (2^bits − 1) · 2, code = x / scale
/// rounded to the nearest, ties to even, and held in −2^(bits−1) … 2^(bits−1) − 1; quotients are
/// rounded to the scale's type. Packed ones are stored as their distance from the smallest.
/// Source: compressed-tensors `quantization/utils/helpers.py` (calculate_qparams),
/// `forward_helpers.py`, `compressors/pack_quantized`.
struct IntegerRule: GroupRule {
  let packing: CodePacking
  private let ratio: Ratio
  private let least: Float
  private let most: Float
  /// What is added to a code before it is stored.
  private let offset: Int

  init?(_ encoding: Encoding) {
    let bits = encoding.int("bits")
    guard bits == 4 || bits == 8,
      let ratio = Ratio(encoding, range: bits == 4 ? 7.5 : 127.5)
    else { return nil }
    self.ratio = ratio
    (least, most) = bits == 4 ? (-8, 7) : (-128, 127)
    let isPacked = encoding.flag("packed")
    guard isPacked || bits == 8 else { return nil }
    packing = bits == 4 ? .lowFirst(wordByteCount: 4) : isPacked ? .words : .bytes
    offset = isPacked ? -Int(least) : 0
  }

  func scale(largest: Float, isRest: Bool) -> GroupScale { ratio.scale(largest) }

  func code(_ value: Float, _ scale: GroupScale) -> UInt8 {
    let quotient = min(most, max(least, ratio.quotient(value, scale)))
    return UInt8(truncatingIfNeeded: Int(quotient.rounded(.toNearestOrEven)) + offset)
  }

  func value(_ code: UInt8, _ scale: GroupScale) -> Float {
    let number = offset == 0 ? Int(Int8(bitPattern: code)) : Int(code) - offset
    return ratio.rounded(Float(number) * scale.stored)
  }
}

/// bitsandbytes' NF4, by the rule of its blocks.
struct NormalFloat4Rule: GroupRule {
  /// The library fills up with zeros before it looks for codes.
  let packing = CodePacking.highFirst(padding: 7)
  private let book = BlockwiseBook(NibbleDecoder.nf4)

  init?(_ encoding: Encoding) {
    let isNested = encoding.nestedGroup != nil
    guard encoding.flatGroup != nil, encoding.scaleDType == (isNested ? .u8 : .f32) else {
      return nil
    }
  }

  func scale(largest: Float, isRest: Bool) -> GroupScale {
    book.scale(largest: largest, isRest: isRest)
  }

  func code(_ value: Float, _ scale: GroupScale) -> UInt8 { book.code(value, scale) }
  func value(_ code: UInt8, _ scale: GroupScale) -> Float { book.value(code, scale) }
}

/// MXFP4: scale = 2^(⌊log2 m⌋ − 2), code = E2M1(x / scale) to the nearest, ties to even, beyond
/// the largest the largest. A group of zeros has the smallest scale. Source: OCP Microscaling
/// Formats 1.0, 6.3; gpt-oss' own quantiser is not published.
struct SharedExponentRule: GroupRule {
  let packing = CodePacking.lowFirst(wordByteCount: 1)

  init?(_ encoding: Encoding) {
    guard encoding.scaleDType == .u8 || encoding.scaleDType == .f8E8M0,
      encoding.int("group") == 32, encoding.shape.last.map({ $0 % 32 }) == 0
    else { return nil }
  }

  func scale(largest: Float, isRest: Bool) -> GroupScale {
    let exponent = largest == 0 ? -127 : min(127, max(-127, Int(largest.exponent) - 2))
    let scale = Float(sign: .plus, exponent: exponent, significand: 1)
    return GroupScale(stored: scale, factor: scale)
  }

  func code(_ value: Float, _ scale: GroupScale) -> UInt8 {
    SmallFloat.e2m1Code(value / scale.factor)
  }

  func value(_ code: UInt8, _ scale: GroupScale) -> Float {
    SmallFloat.e2m1[Int(code)] * scale.stored
  }
}
