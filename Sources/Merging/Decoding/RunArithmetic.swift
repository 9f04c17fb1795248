// Arithmetic on a run of numbers that share a scale, each step rounded to the type that the
// format's library computes in. Pointers are to as many numbers as counts say: callers answer for
// that, so that loops have no check for each number.
import Planning
import Safetensors
import Storage

/// Stored bytes, and room for values.
typealias CodeBytes = UnsafePointer<UInt8>
typealias Values = UnsafeMutablePointer<Float>

extension DType {
  /// v ← v, rounded.
  func round(_ values: Values, _ count: Int) {
    guard self == .bf16 || self == .f16 else { return }
    each(count) { i, rounded in unsafe values[i] = rounded(values[i]) }
  }

  /// v ← v · scale, rounded.
  func scale(_ values: Values, _ count: Int, by scale: Float) {
    each(count) { i, rounded in unsafe values[i] = rounded(values[i] * scale) }
  }

  /// v ← (v − offset) · scale of whole numbers of eight bits and less, whose difference is exact in
  /// any type.
  func scale(_ values: Values, _ count: Int, lessWhole offset: Float, by scale: Float) {
    each(count) { i, rounded in unsafe values[i] = rounded((values[i] - offset) * scale) }
  }

  /// v ← (v − offset) · scale, rounded twice.
  func scale(_ values: Values, _ count: Int, less offset: Float, by scale: Float) {
    each(count) { i, rounded in
      unsafe values[i] = rounded(rounded(values[i] - offset) * scale)
    }
  }

  /// v ← v · scale + bias, rounded twice.
  func scale(_ values: Values, _ count: Int, by scale: Float, plus bias: Float) {
    each(count) { i, rounded in
      unsafe values[i] = rounded(rounded(values[i] * scale) + bias)
    }
  }

  /// v ← (v − offset) · scale of its own each, rounded twice.
  func scale(
    _ values: Values, _ count: Int, less offsets: UnsafePointer<Float>,
    by scales: UnsafePointer<Float>
  ) {
    each(count) { i, rounded in
      unsafe values[i] = rounded(rounded(values[i] - offsets[i]) * scales[i])
    }
  }

  /// A loop for each type, so that none asks for it at every number.
  @inline(__always)
  func each(_ count: Int, _ body: (_ i: Int, _ rounded: (Float) -> Float) -> Void) {
    switch self {
    case .bf16: for i in 0..<count { body(i, Self.roundedToBF16) }
    case .f16: for i in 0..<count { body(i, Self.roundedToF16) }
    default: for i in 0..<count { body(i) { $0 } }
    }
  }

  /// Rounds a number to the nearest of a type of 16 bits, as arithmetic in that type does.
  @inline(__always)
  func rounded(_ number: Float) -> Float {
    switch self {
    case .bf16: Self.roundedToBF16(number)
    case .f16: Self.roundedToF16(number)
    default: number
    }
  }

  @inline(__always)
  private static func roundedToBF16(_ number: Float) -> Float {
    let bits = number.bitPattern
    let rounded = (bits &+ 0x7FFF &+ (bits &>> 16 & 1)) & 0xFFFF_0000
    return Float(bitPattern: number.isNaN ? bits : rounded)
  }

  /// To multiples of 2^(e − 10) for numbers from 2^e on, and of 2⁻²⁴ for those below 2⁻¹⁴: that is
  /// the last place of a sum with 2^(e + 13), which the addition rounds to. From 65520 on the
  /// nearest is infinite.
  @inline(__always)
  private static func roundedToF16(_ number: Float) -> Float {
    let magnitude = number.magnitude
    let power = Float(bitPattern: magnitude.bitPattern & 0x7F80_0000)
    let least: Float = 0x1p-14
    let large = Float(bitPattern: (power > least ? power : least).bitPattern &+ 13 << 23)
    let rounded = magnitude < 65520 ? magnitude + large - large : magnitude * .infinity
    return Float(bitPattern: rounded.bitPattern | number.bitPattern & 0x8000_0000)
  }
}

extension [Float] {
  /// Writes the numbers · scale that codes of a byte stand for; there is one for each.
  func lookUp(_ codes: CodeBytes, _ count: Int, by scale: Float = 1, to values: Values) {
    unsafe withUnsafeBufferPointer { numbers in
      let numbers = numbers.baseAddress!
      for i in 0..<count { unsafe values[i] = numbers[Int(codes[i])] * scale }
    }
  }
}

extension Window {
  /// Calls the body with stored bytes and with room for the window's values at the front of
  /// `values`.
  @inline(__always)
  func fill(
    _ values: inout [Float], from bytes: [UInt8], _ body: (CodeBytes, Values) -> Void
  ) {
    invariant(elementCount <= values.count && !bytes.isEmpty, "a window of \(elementCount) values")
    unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe values.withUnsafeMutableBufferPointer { values in
        unsafe body(bytes.baseAddress!, values.baseAddress!)
      }
    }
  }
}
