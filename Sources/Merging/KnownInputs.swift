// The inputs of the known answers: bits that are the same on every machine, for ever. They are put
// together from integers alone, so that no arithmetic that is on trial has a hand in them.
import Kernels
import Storage

/// Each kind is made when it is first asked for; all questions share it, and leave it as it is.
final class KnownInputs {
  /// How many numbers there are of each spread.
  static let finiteCount = 1 << 14

  /// Bytes of any value.
  private(set) lazy var megabyte: Buffer = {
    var words = Words()
    return Self.fill(1 << 17, UInt64.self) { _ in words.next().littleEndian }
  }()

  /// Every pattern of two bytes, in order.
  private(set) lazy var everyShort: Buffer = Self.fill(1 << 16, UInt16.self) {
    UInt16(truncatingIfNeeded: $0)
  }

  /// One working number for each sign, power of a Float and seven bits of significand: NaN and both
  /// infinities included. The bits below lie on, beside and between the halves at which narrower
  /// types round.
  func patterns(_ precision: Precision) -> Buffer {
    switch precision {
    case .single: singlePatterns
    case .double: doublePatterns
    }
  }

  /// Finite working numbers: any significand, powers of two up to a `spread` either way; each 32nd
  /// is below the smallest normal number, and each 32nd is a zero. `first` and those that follow.
  func finite(
    _ precision: Precision, spread: UInt64, from first: Int = 0, count: Int
  ) -> UnsafeRawPointer {
    invariant(first + count <= Self.finiteCount, "more numbers are asked for than there are")
    let key = FiniteKey(precision: precision, spread: spread)
    let made = finites[key] ?? Self.finite(precision, spread: spread)
    finites[key] = made
    return unsafe UnsafeRawPointer(made.bytes.baseAddress!) + first * precision.byteCount
  }

  /// A stream from a fixed seed.
  private struct Words {
    private var words = SplitMix64(seed: 0x5348_4152_4457_454C)

    mutating func next() -> UInt64 { words.next() }

    /// Bits at one of these halves, three times it, beside it, none, all, or any.
    mutating func below(_ halves: [UInt64]) -> UInt64 {
      let word = next()
      let half = halves[Int(word / 8 % UInt64(halves.count))]
      switch word % 8 {
      case 0: return 0
      case 1: return half
      case 2: return half + 1
      case 3: return half - 1
      case 4: return half * 3
      case 5: return .max
      default: return next()
      }
    }
  }

  private struct FiniteKey: Hashable {
    var precision: Precision
    var spread: UInt64
  }

  private var finites: [FiniteKey: Buffer] = [:]

  private static func finite(_ precision: Precision, spread: UInt64) -> Buffer {
    var words = Words()
    func pattern(exponentBits: UInt64, fractionBits: UInt64) -> UInt64 {
      let word = words.next()
      let sign = (word >> 63) << (exponentBits + fractionBits)
      let fraction = word & ((1 << fractionBits) - 1)
      let kind = words.next()
      switch kind % 32 {
      case 0: return sign
      case 1: return sign | fraction
      default:
        let bias = (1 << (exponentBits - 1)) - 1 as UInt64
        return sign | (bias - spread + kind / 32 % (2 * spread + 1)) << fractionBits | fraction
      }
    }
    switch precision {
    case .single:
      return fill(finiteCount, UInt32.self) { _ in
        UInt32(truncatingIfNeeded: pattern(exponentBits: 8, fractionBits: 23))
      }
    case .double:
      return fill(finiteCount, UInt64.self) { _ in pattern(exponentBits: 11, fractionBits: 52) }
    }
  }

  private lazy var singlePatterns: Buffer = {
    var words = Words()
    let halves: [UInt64] = [1 << 15, 1 << 12]
    return Self.fill(1 << 16, UInt32.self) { index in
      let upper = UInt64(index)
      let low = words.below(halves) & 0xFFFF
      return UInt32(upper << 16 | (upper & 0x7FFF == 0x7F80 ? 0 : low))
    }
  }()

  private lazy var doublePatterns: Buffer = {
    var words = Words()
    let halves: [UInt64] = [1 << 44, 1 << 41, 1 << 28]
    return Self.fill(1 << 16, UInt64.self) { index in
      let upper = UInt64(index)
      let power = upper >> 7 & 0xFF
      // Floats below the smallest normal one are normal here, with smaller powers.
      let shift = power == 0 ? words.next() % 32 : 0
      let exponent = power == 0xFF ? 0x7FF : power + 1023 - 127 - shift
      let low = words.below(halves) & (1 << 45 - 1)
      return (upper >> 15) << 63 | exponent << 52 | (upper & 0x7F) << 45
        | (upper & 0x7FFF == 0x7F80 ? 0 : low)
    }
  }()

  private static func fill<Word: FixedWidthInteger & BitwiseCopyable>(
    _ count: Int, _ type: Word.Type, _ word: (Int) -> Word
  ) -> Buffer {
    let size = MemoryLayout<Word>.size
    let buffer = Buffer(byteCount: count * size)
    let words = unsafe buffer.bytes.bindMemory(to: Word.self).baseAddress!
    var index = 0
    while index < count {
      unsafe words[index] = word(index)
      index += 1
    }
    return buffer
  }
}
