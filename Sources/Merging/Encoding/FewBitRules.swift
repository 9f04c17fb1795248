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

  func encode(
    _ values: UnsafePointer<Float>, _ count: Int, _ scale: GroupScale, to codes: Codes
  ) {
    let (least, most, offset) = (least, most, UInt32(offset))
    unsafe ratio.eachQuotient(values, count, scale) { i, quotient in
      // The last place of 2^23 and more is 1: the sum ends with the nearest whole number.
      let sum = min(most, max(least, quotient)) + 0x1.8p23
      unsafe codes[i] = UInt8(truncatingIfNeeded: sum.bitPattern &+ offset)
    }
  }

  func decode(_ codes: CodeBytes, _ count: Int, _ scale: GroupScale, to values: Values) {
    let offset = Int32(offset)
    for i in 0..<count {
      let code = unsafe codes[i]
      let number = offset == 0 ? Int32(Int8(bitPattern: code)) : Int32(code) &- offset
      unsafe values[i] = Float(number)
    }
    unsafe ratio.dtype.scale(values, count, by: scale.stored)
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

  func encode(
    _ values: UnsafePointer<Float>, _ count: Int, _ scale: GroupScale, to codes: Codes
  ) { unsafe book.encode(values, count, scale, to: codes) }

  func decode(_ codes: CodeBytes, _ count: Int, _ scale: GroupScale, to values: Values) {
    unsafe book.decode(codes, count, scale, to: values)
  }
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

  func encode(
    _ values: UnsafePointer<Float>, _ count: Int, _ scale: GroupScale, to codes: Codes
  ) {
    for i in 0..<count { unsafe codes[i] = SmallFloat.e2m1Code(values[i] / scale.factor) }
  }

  func decode(_ codes: CodeBytes, _ count: Int, _ scale: GroupScale, to values: Values) {
    unsafe SmallFloat.e2m1.lookUp(codes, count, by: scale.stored, to: values)
  }
}
