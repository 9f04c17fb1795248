// Numbers to the nearest small float, ties to even.
import Glibc

extension SmallFloat {
  /// The code of a number, held in −448 … 448, of which every value is finite.
  @inline(__always)
  static func e4m3Code(_ number: Float) -> UInt8 {
    let sign = number.bitPattern &>> 24 & 0x80
    let code = code(min(448, number.magnitude), mantissaBits: 3, bias: 7)
    return UInt8(truncatingIfNeeded: sign | code)
  }

  /// The code of a number, those beyond 6 with its own.
  @inline(__always)
  static func e2m1Code(_ number: Float) -> UInt8 {
    let sign = number.bitPattern &>> 28 & 8
    let code = code(min(6, number.magnitude), mantissaBits: 1, bias: 1)
    return UInt8(truncatingIfNeeded: sign | code)
  }

  /// Of a number without its sign, at most the largest of the type.
  @inline(__always)
  private static func code(_ magnitude: Float, mantissaBits: UInt32, bias: UInt32) -> UInt32 {
    let bits = magnitude.bitPattern
    let cut = 23 - mantissaBits
    let half: UInt32 = 1 << (cut - 1)
    let normal =
      (bits &+ (half - 1) &+ (bits &>> cut & 1)) &>> cut &- (127 - bias) << mantissaBits
    // Below 2^(1 − bias) codes count multiples of one step, the last place of this power: the sum
    // is rounded to it. What rounds up to that number has its code as well.
    let power = Float(bitPattern: (127 + 24 - bias - mantissaBits) << 23)
    let small = (magnitude + power).bitPattern &- power.bitPattern
    return bits < (128 - bias) << 23 ? small : normal
  }
}

enum Exponent {
  /// The binary logarithm, rounded to Float32 as torch has it: next to a power of two it is that
  /// power's own.
  static func logarithm(_ number: Float) -> Float { Float(log2(Double(number))) }
}
