import Kernels
import TestSupport
import Testing

@Suite struct ConversionTests {
  @Test(arguments: InstructionSet.supported)
  func `every F16 and BF16 pattern comes back from single and double`(_ set: InstructionSet) {
    let kernels = KernelTable(set)
    for element in [ElementType.bf16, .f16] {
      let infinity: UInt16 = element == .bf16 ? 0x7F80 : 0x7C00
      let canonical: UInt16 = element == .bf16 ? 0x7FC0 : 0x7E00
      let patterns = (0...UInt16.max).map { $0 }
      let expected = patterns.map { $0 & 0x7FFF > infinity ? canonical : $0 }
      for precision in Precision.allCases {
        let wide = kernels.widen(element, Samples.bytes(patterns), precision)
        let back = kernels.narrow(precision, wide, element)
        #expect(Samples.values(back, as: UInt16.self) == expected, "\(element) \(precision)")
      }
    }
  }

  @Test(arguments: InstructionSet.supported)
  func `widening gives the value the pattern stands for`(_ set: InstructionSet) {
    let kernels = KernelTable(set)
    let patterns = (0...UInt16.max).map { $0 }
    for element in [ElementType.bf16, .f16] {
      let wide = Samples.values(
        kernels.widen(element, Samples.bytes(patterns), .double), as: Double.self)
      for (pattern, value) in zip(patterns, wide) {
        let expected = SmallFloat.of(element).value(pattern)
        if expected.isNaN ? !value.isNaN : value.bitPattern != expected.bitPattern {
          Issue.record("\(element) \(pattern): \(value), not \(expected)")
        }
      }
    }
  }

  @Test(arguments: InstructionSet.supported)
  func `narrowing is nearest even in one rounding`(_ set: InstructionSet) {
    let kernels = KernelTable(set)
    let singles = Samples.specialFloats + Samples.floats(3000, seed: 1) + Self.nearHalves
    let doubles =
      Samples.specialDoubles + Samples.doubles(3000, seed: 2) + Self.nearHalves.map { Double($0) }
      + Self.nearHalves.map { Double($0).nextUp }
    for element in [ElementType.bf16, .f16] {
      let small = SmallFloat.of(element)
      let fromSingle = kernels.narrow(.single, Samples.bytes(singles), element)
      #expect(
        Samples.values(fromSingle, as: UInt16.self) == singles.map { small.nearest(Double($0)) })
      let fromDouble = kernels.narrow(.double, Samples.bytes(doubles), element)
      #expect(Samples.values(fromDouble, as: UInt16.self) == doubles.map { small.nearest($0) })
    }
    let toSingle = kernels.narrow(.double, Samples.bytes(doubles), .f32)
    #expect(
      Samples.values(toSingle, as: UInt32.self)
        == doubles.map { $0.isNaN ? 0x7FC0_0000 : Float($0).bitPattern })
    let same = kernels.narrow(.single, Samples.bytes(singles), .f32)
    #expect(
      Samples.values(same, as: UInt32.self)
        == singles.map { $0.isNaN ? 0x7FC0_0000 : $0.bitPattern })
    let long = kernels.narrow(.double, Samples.bytes(doubles), .f64)
    #expect(
      Samples.values(long, as: UInt64.self)
        == doubles.map { $0.isNaN ? 0x7FF8_0000_0000_0000 : $0.bitPattern })
  }

  @Test(arguments: InstructionSet.supported)
  func `doubles at and beside every number and every middle of 16 bits are nearest even`(
    _ set: InstructionSet
  ) {
    let kernels = KernelTable(set)
    for element in [ElementType.bf16, .f16] {
      let infinity: UInt16 = element == .bf16 ? 0x7F80 : 0x7C00
      var doubles: [Double] = []
      var expected: [UInt16] = []
      for pattern in 0..<infinity {
        let low = SmallFloat.of(element).value(pattern)
        // Above the largest number goes on what would be the next step.
        let high =
          pattern + 1 == infinity
          ? 2 * element.overflow - low : SmallFloat.of(element).value(pattern + 1)
        let middle = (low + high) / 2
        doubles += [low, low.nextUp, middle.nextDown, middle, middle.nextUp, high.nextDown]
        let even = pattern + pattern % 2
        expected += [pattern, pattern, pattern, even, pattern + 1, pattern + 1]
      }
      for sign in [FloatingPointSign.plus, .minus] {
        let signed = doubles.map { Double(sign: sign, exponent: 0, significand: $0) }
        let found = Samples.values(
          kernels.narrow(.double, Samples.bytes(signed), element), as: UInt16.self)
        let bit: UInt16 = sign == .minus ? 0x8000 : 0
        #expect(found.count == expected.count && expected.count == 6 * Int(infinity))
        for (i, pattern) in expected.enumerated() where found[i] != pattern | bit {
          Issue.record("\(element) \(signed[i]): \(found[i]), not \(pattern | bit)")
        }
      }
    }
  }

  /// Numbers at and beside the middle between two neighbours of both small types.
  static var nearHalves: [Float] {
    var random = SeededGenerator(seed: 3)
    return (0..<2000).flatMap { i -> [Float] in
      let bits = UInt32.random(in: .min ... .max, using: &random)
      let half: UInt32 = i % 2 == 0 ? (bits & 0xFFFF_0000 | 0x8000) : (bits & 0xFFFF_E000 | 0x1000)
      // Half of them within the range of F16.
      let middle = i % 4 < 2 ? half : (half & 0x87FF_FFFF | UInt32(103 + bits % 40) << 23)
      return [middle &- 1, middle, middle &+ 1].map { Float(bitPattern: $0) }
    }
  }
}

/// A 16-bit type by its table of values: an independent reading of IEEE 754.
struct SmallFloat {
  let exponentBits: Int
  let fractionBits: Int
  /// Values of the patterns 0… up to and with infinity, ascending.
  private let magnitudes: [Double]

  static let bf16 = SmallFloat(exponentBits: 8, fractionBits: 7)
  static let f16 = SmallFloat(exponentBits: 5, fractionBits: 10)
  static func of(_ element: ElementType) -> SmallFloat { element == .bf16 ? bf16 : f16 }

  private init(exponentBits: Int, fractionBits: Int) {
    self.exponentBits = exponentBits
    self.fractionBits = fractionBits
    let bias = 1 << (exponentBits - 1) - 1
    let limit = 1 << exponentBits - 1
    magnitudes = (0...(limit << fractionBits)).map { pattern in
      let exponent = pattern >> fractionBits
      let fraction = pattern & (1 << fractionBits - 1)
      if exponent == limit { return .infinity }
      let significand = exponent == 0 ? fraction : fraction | 1 << fractionBits
      let power = max(exponent, 1) - bias - fractionBits
      return Double(sign: .plus, exponent: power, significand: Double(significand))
    }
  }

  func value(_ pattern: UInt16) -> Double {
    let rest = Int(pattern & 0x7FFF)
    guard rest < magnitudes.count else { return .nan }
    return pattern & 0x8000 == 0 ? magnitudes[rest] : -magnitudes[rest]
  }

  func nearest(_ x: Double) -> UInt16 {
    let infinity = magnitudes.count - 1
    if x.isNaN { return UInt16(infinity | 1 << (fractionBits - 1)) }
    let sign: UInt16 = x.sign == .minus ? 0x8000 : 0
    // The last pattern of at most that magnitude.
    var low = 0
    var high = infinity
    while low < high {
      let middle = (low + high + 1) / 2
      if magnitudes[middle] <= x.magnitude { low = middle } else { high = middle - 1 }
    }
    guard low < infinity else { return sign | UInt16(infinity) }
    // Above the largest number a step as wide as the last one leads to infinity.
    let next =
      low + 1 < infinity ? magnitudes[low + 1] : 2 * magnitudes[low] - magnitudes[low - 1]
    let middle = (magnitudes[low] + next) / 2
    let goesUp = x.magnitude > middle || (x.magnitude == middle && low % 2 == 1)
    return sign | UInt16(goesUp ? low + 1 : low)
  }
}
