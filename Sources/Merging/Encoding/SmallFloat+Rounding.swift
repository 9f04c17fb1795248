// Numbers to the nearest small float, ties to even.
import Glibc

extension SmallFloat {
  /// The code of a number, held in −448 … 448, of which every value is finite.
  static func e4m3Code(_ number: Float) -> UInt8 {
    let sign: UInt8 = number.sign == .minus ? 0x80 : 0
    let magnitude = min(448, number.magnitude)
    // Below 2^−6 values are multiples of 2^−9; the eighth of them is the first that is normal.
    if magnitude < 0x1p-6 { return sign | UInt8((magnitude * 0x1p9).rounded(.toNearestOrEven)) }
    let bits = magnitude.bitPattern
    let rounded = (bits + 0x7FFFF + (bits >> 20 & 1)) >> 20
    return sign | UInt8(truncatingIfNeeded: rounded - UInt32((127 - 7) << 3))
  }

  /// The code of a number, those beyond 6 with its own.
  static func e2m1Code(_ number: Float) -> UInt8 {
    let sign: UInt8 = number.sign == .minus ? 8 : 0
    let magnitude = number.magnitude
    let code: UInt8 =
      magnitude <= 0.25
      ? 0
      : magnitude < 0.75
        ? 1
        : magnitude <= 1.25
          ? 2 : magnitude < 1.75 ? 3 : magnitude <= 2.5 ? 4 : magnitude < 3.5 ? 5 : 6
    return sign | (code == 6 && magnitude > 5 ? 7 : code)
  }
}

enum Exponent {
  /// The binary logarithm, rounded to Float32 as torch has it: next to a power of two it is that
  /// power's own.
  static func logarithm(_ number: Float) -> Float { Float(log2(Double(number))) }
}
