// Every value of the floating-point types of eight bits and less, from their definitions: sign,
// exponent and mantissa, a bias, and the codes that are no numbers (OCP OFP8 and MX formats 1.0;
// the FNUZ types are those of Graphcore and AMD).
import Safetensors

enum SmallFloat {
  /// The 256 values of a type of eight bits that stands for numbers; nil for other types. U8 is the
  /// exponent E8M0, which some files call so; I8 is a whole number.
  static func table(of dtype: DType) -> [Float]? {
    switch dtype {
    case .f8E4M3: e4m3
    case .f8E5M2: e5m2
    case .f8E4M3FNUZ: e4m3fnuz
    case .f8E5M2FNUZ: e5m2fnuz
    case .f8E8M0, .u8: e8m0
    case .i8: int8
    default: nil
    }
  }

  static let e4m3 = table(mantissaBits: 3, bias: 7) { $0 & 0x7F == 0x7F ? .nan : nil }
  static let e5m2 = table(mantissaBits: 2, bias: 15) { code in
    guard code & 0x7C == 0x7C else { return nil }
    return code & 3 != 0 ? .nan : code & 0x80 == 0 ? .infinity : -.infinity
  }
  static let e4m3fnuz = table(mantissaBits: 3, bias: 8) { $0 == 0x80 ? .nan : nil }
  static let e5m2fnuz = table(mantissaBits: 2, bias: 16) { $0 == 0x80 ? .nan : nil }
  /// 2^(code − 127).
  static let e8m0 = (0..<256).map { code -> Float in
    code == 255 ? .nan : Float(sign: .plus, exponent: code - 127, significand: 1)
  }
  static let int8 = (0..<256).map { Float(Int8(truncatingIfNeeded: $0)) }
  /// Of four bits, code 8 is −0.
  static let e2m1: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]

  private static func table(
    mantissaBits: Int, bias: Int, special: (Int) -> Float?
  ) -> [Float] {
    (0..<256).map { code in
      if let value = special(code) { return value }
      let exponent = code >> mantissaBits & (0x7F >> mantissaBits)
      let fraction = Float(code & (1 << mantissaBits - 1)) / Float(1 << mantissaBits)
      let magnitude =
        exponent == 0
        ? Float(sign: .plus, exponent: 1 - bias, significand: 1) * fraction
        : Float(sign: .plus, exponent: exponent - bias, significand: 1) * (1 + fraction)
      return code & 0x80 == 0 ? magnitude : -magnitude
    }
  }
}

extension DType {
  /// Types that a scale may have, beside E8M0.
  static let scales: [DType] = [.f16, .bf16, .f32]
}
