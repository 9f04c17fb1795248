// A block of 32 elements of ggml's types: its scale and minimum, its codes, and its bytes.

/// What the elements of a block share, before it is rounded to 16 bits to be stored.
struct GGMLBlockScale {
  /// From one code to the next.
  var step: Float
  /// 1 / step, or 0 where that is 0.
  var factor: Float
  /// The value of code 0 where the type stores it.
  var least: Float = 0

  init(step: Float, least: Float = 0) {
    self.step = step
    self.least = least
    factor = step == 0 ? 0 : 1 / step
  }
}

/// The arithmetic of one type: x · (1 / d), where d goes into the block rounded to 16 bits and is
/// divided by as it was.
///
/// Q8_0: d = m / 127 of the largest magnitude m, halves away from zero. Q4_0, Q5_0: d is such that
/// the number of largest magnitude, of two the first, has code 0; codes are ⌊x / d + zero + ½⌋.
/// Q4_1, Q5_1: d = (most − least) / 15 or 31, codes are ⌊(x − least) / d + ½⌋. Where 1 / d is
/// beyond Float32, and d is stored as 0, codes are 0, as the library has them on x86.
/// Source: gguf-py `quants.py`, ggml `ggml-quants.c` (quantize_row_…_ref).
struct GGMLBlockRule {
  /// Of a block.
  static let elementCount = 32

  private let bits: Int
  private let storesLeast: Bool

  /// nil for a type that has no quantiser here.
  init?(_ name: String) {
    switch name {
    case "Q4_0": (bits, storesLeast) = (4, false)
    case "Q4_1": (bits, storesLeast) = (4, true)
    case "Q5_0": (bits, storesLeast) = (5, false)
    case "Q5_1": (bits, storesLeast) = (5, true)
    case "Q8_0": (bits, storesLeast) = (8, false)
    default: return nil
    }
  }

  private var most: Float { Float((1 << bits) - 1) }
  /// The code of 0 where codes have none below it.
  private var zero: Float { Float(1 << (bits - 1)) }

  func scale(_ values: Span<Float>) -> GGMLBlockScale {
    var (least, most, largest) = (values[0], values[0], values[0])
    for i in values.indices {
      let value = values[i]
      if value < least { least = value }
      if value > most { most = value }
      if value.magnitude > largest.magnitude { largest = value }
    }
    if storesLeast { return GGMLBlockScale(step: (most - least) / self.most, least: least) }
    return GGMLBlockScale(step: bits == 8 ? largest.magnitude / 127 : largest / -zero)
  }

  private func codes(_ values: Span<Float>, _ scale: GGMLBlockScale) -> Codes {
    var codes = Codes(repeating: 0)
    guard scale.step.isFinite, scale.factor.isFinite else { return codes }
    if bits == 8 {
      for i in codes.indices {
        let quotient = values[i] * scale.factor
        let magnitude = min(127, quotient.magnitude)
        let whole = Self.floor(magnitude)
        let code = magnitude - Float(whole) < 0.5 ? whole : whole &+ 1
        codes[i] = UInt8(truncatingIfNeeded: quotient < 0 ? 0 &- code : code)
      }
    } else {
      let offset = storesLeast ? 0.5 : zero + 0.5
      for i in codes.indices {
        let quotient = (values[i] - scale.least) * scale.factor + offset
        codes[i] = UInt8(truncatingIfNeeded: Self.floor(max(0, min(most, quotient))))
      }
    }
    return codes
  }

  /// The whole part of a number of 0 and more, below 2²²: at 2²³ a Float32 has no other bits.
  @inline(__always)
  private static func floor(_ number: Float) -> Int32 {
    let shifted = number + 0x1p23
    let nearest = Int32(bitPattern: shifted.bitPattern & 0x3F_FFFF)
    return shifted - 0x1p23 > number ? nearest &- 1 : nearest
  }

  /// Writes a block of these values with a scale.
  func write(
    _ values: Span<Float>, _ scale: GGMLBlockScale, to bytes: inout MutableSpan<UInt8>,
    at start: Int
  ) {
    let codes = codes(values, scale)
    var place = start
    Self.write(Float16(scale.step).bitPattern, to: &bytes, &place)
    if storesLeast { Self.write(Float16(scale.least).bitPattern, to: &bytes, &place) }
    if bits == 8 {
      for i in codes.indices { bytes[place + i] = codes[i] }
      return
    }
    if bits == 5 {
      let fifths = codes.indices.reduce(UInt32(0)) { $0 | UInt32(codes[$1] >> 4) << UInt32($1) }
      Self.write(fifths, to: &bytes, &place)
    }
    for i in 0..<16 { bytes[place + i] = codes[i] & 15 | codes[16 + i] << 4 }
  }

  private static func write(
    _ word: some FixedWidthInteger, to bytes: inout MutableSpan<UInt8>, _ place: inout Int
  ) {
    for byte in 0..<word.bitWidth / 8 {
      bytes[place] = UInt8(truncatingIfNeeded: word >> (8 * byte))
      place += 1
    }
  }

  private typealias Codes = InlineArray<32, UInt8>
}
