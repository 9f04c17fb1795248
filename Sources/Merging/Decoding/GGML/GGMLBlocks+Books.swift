// Blocks whose codes stand for the numbers of a book of 16, times a scale.
//
//   IQ4_NL   32 elements: d F16 │ 16 bytes of codes
//   IQ4_XS   256 elements: d F16 │ upper bits of scales, U16 │ 4 bytes of lower halves │ 128 bytes
//   MXFP4    32 elements: exponent │ 16 bytes of codes
//   NVFP4    64 elements: 4 scales, unsigned E4M3 │ 32 bytes of codes
//
// Books hold whole numbers; those of the floats of four bits are the double of their values, which
// scales make good. Source: ggml `ggml-common.h`, `ggml-impl.h`, gguf-py `quants.py`.

extension GGMLBlocks {
  private typealias Book = InlineArray<16, Float>

  private static let uneven: Book = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
  ]
  /// Of E2M1. Code 8 is +0.
  private static let doubled: Book = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

  static func iq4NL(_ block: CodeBytes, _ values: Values) {
    unsafe fill(values, block + 2, halves: 16, uneven, times: half(block, at: 0))
  }

  static func iq4XS(_ block: CodeBytes, _ values: Values) {
    let d = unsafe half(block, at: 0)
    let above = unsafe word16(block, at: 2)
    for part in 0..<8 {
      let low = unsafe block[4 + part / 2] &>> UInt8(part & 1 &* 4) & 15
      let high = UInt8(truncatingIfNeeded: above &>> UInt16(2 &* part) & 3)
      let scale = d * (number(low | high << 4) - 32)
      unsafe fill(values + 32 * part, block + 8 + 16 * part, halves: 16, uneven, times: scale)
    }
  }

  static func mxfp4(_ block: CodeBytes, _ values: Values) {
    unsafe fill(values, block + 1, halves: 16, doubled, times: halfPower(block[0]))
  }

  static func nvfp4(_ block: CodeBytes, _ values: Values) {
    for part in 0..<4 {
      unsafe fill(
        values + 16 * part, block + 4 + 8 * part, halves: 8, doubled,
        times: halfScale(block[part]))
    }
  }

  /// Byte i has the code of element i below and that of element `halves` + i above.
  @inline(__always)
  private static func fill(
    _ values: Values, _ codes: CodeBytes, halves: Int, _ book: Book, times scale: Float
  ) {
    var scaled = book
    for code in 0..<16 { scaled[code] *= scale }
    for i in 0..<halves {
      let pair = unsafe Int(codes[i])
      unsafe values[i] = scaled[pair & 15]
      unsafe values[halves + i] = scaled[pair >> 4]
    }
  }

  /// 2^(exponent − 128), of which the two smallest are subnormal.
  @inline(__always)
  private static func halfPower(_ exponent: UInt8) -> Float {
    let exponent = UInt32(exponent)
    return Float(bitPattern: exponent < 2 ? 0x0020_0000 << exponent : (exponent - 1) << 23)
  }

  /// Half of an E4M3 whose sign does not count and whose NaN is 0.
  @inline(__always)
  private static func halfScale(_ scale: UInt8) -> Float {
    if scale == 0x7F { return 0 }
    let (exponent, mantissa) = (UInt32(scale >> 3 & 15), UInt32(scale & 7))
    return exponent == 0
      ? Float(mantissa) * 0x1p-10 : Float(bitPattern: (exponent + 119) << 23 | mantissa << 20)
  }
}
