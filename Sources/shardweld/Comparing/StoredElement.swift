// Element types as numbers, for comparing: the value that bits stand for, and a whole number that
// counts representable values from zero, so that the distance of two is their distance in units of
// the last place.
import Safetensors

/// How the bits of one element type are read.
protocol StoredElement {
  associatedtype Bits: FixedWidthInteger & UnsignedInteger & Sendable
  static func value(_ bits: Bits) -> Double
  /// Grows with the value, by one for each step to the next value of the type.
  static func order(_ bits: Bits) -> Int64
}

/// Types of a sign bit and a magnitude: all floating-point ones.
protocol SignedMagnitude: StoredElement {}

extension SignedMagnitude {
  static func order(_ bits: Bits) -> Int64 {
    let sign = Bits(1) << (Bits.bitWidth - 1)
    let magnitude = Int64(truncatingIfNeeded: bits & ~sign)
    return bits & sign == 0 ? magnitude : -magnitude
  }
}

enum BF16Element: SignedMagnitude {
  static func value(_ bits: UInt16) -> Double { Double(Float(bitPattern: UInt32(bits) << 16)) }
}

enum F16Element: SignedMagnitude {
  static func value(_ bits: UInt16) -> Double { Double(Float16(bitPattern: bits)) }
}

enum F32Element: SignedMagnitude {
  static func value(_ bits: UInt32) -> Double { Double(Float(bitPattern: bits)) }
}

enum F64Element: SignedMagnitude {
  static func value(_ bits: UInt64) -> Double { Double(bitPattern: bits) }
}

/// Four bits of exponent, no infinity, the largest magnitude is NaN (OCP FP8, E4M3).
enum F8E4M3Element: SignedMagnitude {
  static func value(_ bits: UInt8) -> Double {
    let exponent = Int(bits >> 3 & 15)
    let fraction = Double(bits & 7)
    if bits & 0x7F == 0x7F { return .nan }
    let magnitude =
      exponent == 0
      ? fraction * 0x1p-9
      : (fraction + 8) * Double(sign: .plus, exponent: exponent - 10, significand: 1)
    return bits >> 7 == 0 ? magnitude : -magnitude
  }
}

/// The upper half of a half-precision number (OCP FP8, E5M2).
enum F8E5M2Element: SignedMagnitude {
  static func value(_ bits: UInt8) -> Double { F16Element.value(UInt16(bits) << 8) }
}

/// A power of two; 255 is NaN (OCP MX scale).
enum F8E8M0Element: StoredElement {
  static func value(_ bits: UInt8) -> Double {
    bits == 255 ? .nan : Double(sign: .plus, exponent: Int(bits) - 127, significand: 1)
  }
  static func order(_ bits: UInt8) -> Int64 { Int64(bits) }
}

/// Whole numbers with a sign, two's complement.
enum SignedElement<Stored: FixedWidthInteger & UnsignedInteger & Sendable>: StoredElement {
  static func value(_ bits: Stored) -> Double { Double(order(bits)) }
  static func order(_ bits: Stored) -> Int64 {
    let shift = 64 - Stored.bitWidth
    return (Int64(truncatingIfNeeded: bits) << shift) >> shift
  }
}

/// Whole numbers without a sign.
enum UnsignedElement<Stored: FixedWidthInteger & UnsignedInteger & Sendable>: StoredElement {
  static func value(_ bits: Stored) -> Double { Double(bits) }
  // Moved down by half the range, so that 64 bits fit.
  static func order(_ bits: Stored) -> Int64 {
    Stored.bitWidth == 64
      ? Int64(bitPattern: UInt64(truncatingIfNeeded: bits) ^ (1 << 63))
      : Int64(truncatingIfNeeded: bits)
  }
}

/// A piece of work for an element type that is known only while running; each type gets code of its
/// own.
protocol ElementWork: ~Copyable {
  mutating func run<E: StoredElement>(_: E.Type)
}

extension DType {
  /// Runs the work with this type's elements; false for packed and rare types, whose elements are
  /// compared as bytes alone.
  func with(_ work: inout some ElementWork & ~Copyable) -> Bool {
    switch self {
    case .bf16: work.run(BF16Element.self)
    case .f16: work.run(F16Element.self)
    case .f32: work.run(F32Element.self)
    case .f64: work.run(F64Element.self)
    case .f8E4M3: work.run(F8E4M3Element.self)
    case .f8E5M2: work.run(F8E5M2Element.self)
    case .f8E8M0: work.run(F8E8M0Element.self)
    case .i8: work.run(SignedElement<UInt8>.self)
    case .i16: work.run(SignedElement<UInt16>.self)
    case .i32: work.run(SignedElement<UInt32>.self)
    case .i64: work.run(SignedElement<UInt64>.self)
    case .bool, .u8: work.run(UnsignedElement<UInt8>.self)
    case .u16: work.run(UnsignedElement<UInt16>.self)
    case .u32: work.run(UnsignedElement<UInt32>.self)
    case .u64: work.run(UnsignedElement<UInt64>.self)
    case .f4, .f6E2M3, .f6E3M2, .f8E4M3FNUZ, .f8E5M2FNUZ, .c64: return false
    }
    return true
  }

  /// True where `with` knows the type.
  var hasValues: Bool {
    switch self {
    case .f4, .f6E2M3, .f6E3M2, .f8E4M3FNUZ, .f8E5M2FNUZ, .c64: false
    default: true
    }
  }
}
