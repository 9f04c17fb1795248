// Inputs for the loops: every awkward number there is, among random ones; and the loops called on
// plain arrays.
import Kernels
import TestSupport

enum Samples {
  /// Lengths with every tail of every vector width.
  static let lengths = Array(0...67) + [127, 128, 129, 255, 1000, 4095, 4096, 4097]

  static let specialFloats: [Float] = [
    0, -0.0, 1, -1, .infinity, -.infinity, .nan, -.nan, .leastNonzeroMagnitude,
    -.leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude,
    -.greatestFiniteMagnitude, 65504, 65519.996, 65520, -65520, 65536, 0x1p-14, 0x1.FFCp-15,
    0x1p-24, 0x1p-25, 0x1.000002p-25, -0x1p-25, 0x1.8p-24, 0x1.FEp127, 0x1.FEFFFEp127, 0x1.FFp127,
    0x1.008p0, 0x1.018p0, 0x1.00800Ep0, 0x1.01p0, 0x1.03p0, 0x1.010002p0, 0x1p-133, 0x1p-134,
    Float(bitPattern: 0x7F80_0001), Float(bitPattern: 0xFFBF_FFFF), Float(bitPattern: 0x7FFF_FFFF),
  ]

  static let specialDoubles: [Double] =
    specialFloats.map { Double($0) } + [
      .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0x1p-149, 0x1p-150, 0x1.0000000000001p-150,
      0x1.FFFFFFp127, 0x1.FFFFFEFFFFFFFp127, 0x1p128, 0x1.0000010000000p0, 0x1.0000010000001p0,
      0x1.0000030000000p0, 0x1.0020000000000p0, 0x1.0020000000001p0, 0x1.001FFFFFFFFFFp0,
      0x1.01p0, 0x1.0100000000001p0, 65519.99999999999, 0x1p-25, 0x1.0000000000001p-25, 0x1p-1074,
      Double(bitPattern: 0x7FF0_0000_0000_0001),
    ]

  /// Every third one special, every third any bits, the rest of ordinary size.
  static func floats(_ count: Int, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { i in
      switch i % 3 {
      case 0: specialFloats.randomElement(using: &random)!
      case 1: Float(bitPattern: UInt32.random(in: .min ... .max, using: &random))
      default: Float.random(in: -4...4, using: &random)
      }
    }
  }

  static func doubles(_ count: Int, seed: UInt64) -> [Double] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { i in
      switch i % 3 {
      case 0: specialDoubles.randomElement(using: &random)!
      case 1: Double(bitPattern: UInt64.random(in: .min ... .max, using: &random))
      default: Double.random(in: -4...4, using: &random)
      }
    }
  }

  /// Working numbers as bytes.
  static func numbers(_ precision: Precision, _ count: Int, seed: UInt64) -> [UInt8] {
    precision == .single ? bytes(floats(count, seed: seed)) : bytes(doubles(count, seed: seed))
  }

  /// Working numbers of ordinary size as bytes.
  static func ordinary(_ precision: Precision, _ count: Int, seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    let values = (0..<count).map { _ in Float.random(in: -2...2, using: &random) }
    return precision == .single ? bytes(values) : bytes(values.map { Double($0) / 3 })
  }

  /// File elements of any bits.
  static func elements(_ element: ElementType, _ count: Int, seed: UInt64) -> [UInt8] {
    switch element {
    case .f32: return bytes(floats(count, seed: seed))
    case .f64: return bytes(doubles(count, seed: seed))
    case .bf16, .f16:
      var random = SeededGenerator(seed: seed)
      return bytes((0..<count).map { _ in UInt16.random(in: .min ... .max, using: &random) })
    }
  }

  static func bytes<T: BitwiseCopyable>(_ values: [T]) -> [UInt8] {
    unsafe values.withUnsafeBytes { unsafe Array($0) }
  }

  static func values<T: BitwiseCopyable>(_ bytes: [UInt8], as type: T.Type) -> [T] {
    unsafe bytes.withUnsafeBytes { raw in
      (0..<(raw.count / MemoryLayout<T>.size)).map {
        unsafe raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self)
      }
    }
  }

  /// The same numbers with one NaN for all: which payload an operation keeps is not defined, and is
  /// gone once a number is narrowed.
  static func oneNaN(_ bytes: [UInt8], _ precision: Precision) -> [UInt8] {
    precision == .single
      ? Samples.bytes(values(bytes, as: Float.self).map { $0.isNaN ? .nan : $0 })
      : Samples.bytes(values(bytes, as: Double.self).map { $0.isNaN ? .nan : $0 })
  }
}

extension KernelTable {
  func widen(_ element: ElementType, _ from: [UInt8], _ precision: Precision) -> [UInt8] {
    let count = from.count / element.byteCount
    return unsafe Self.into(count * precision.byteCount, from) {
      unsafe widen(element, $1, to: $0, precision, count: count)
    }
  }

  func narrow(_ precision: Precision, _ from: [UInt8], _ element: ElementType) -> [UInt8] {
    let count = from.count / precision.byteCount
    return unsafe Self.into(count * element.byteCount, from) {
      unsafe narrow(precision, $1, to: $0, element, count: count)
    }
  }

  /// Calls a loop that makes `byteCount` bytes of `from`.
  static func into(
    _ byteCount: Int, _ from: [UInt8],
    _ body: (UnsafeMutableRawPointer, UnsafeRawPointer) -> Void
  ) -> [UInt8] {
    unsafe changing([UInt8](repeating: 0xA5, count: byteCount), from, body)
  }

  /// Calls a loop that changes `value` with `other`. One byte more is allotted, so that empty runs
  /// have an address, and must stay as it was.
  static func changing(
    _ value: [UInt8], _ other: [UInt8],
    _ body: (UnsafeMutableRawPointer, UnsafeRawPointer) -> Void
  ) -> [UInt8] {
    var value = value + [0x5A]
    let other = other + [0]
    unsafe value.withUnsafeMutableBytes { to in
      unsafe other.withUnsafeBytes { from in unsafe body(to.baseAddress!, from.baseAddress!) }
    }
    return value.removeLast() == 0x5A ? value : []
  }
}
