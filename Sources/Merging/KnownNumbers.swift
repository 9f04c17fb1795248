// The inputs of the known answers: bits that are the same on every machine, for ever. They are put
// together from integers alone, so that no arithmetic that is on trial has a hand in them.
import Kernels
import Storage

/// A stream from a fixed seed.
struct KnownNumbers {
  private var words = SplitMix64(seed: 0x5348_4152_4457_454C)

  mutating func next() -> UInt64 { words.next() }

  /// Bytes of any value.
  mutating func bytes(_ count: Int) -> Buffer {
    fill(count / 8, UInt64.self) { $0.next().littleEndian }
  }

  /// Finite working numbers: any significand, powers of two up to `spread` either way; each 32nd is
  /// below the smallest normal number, and each 32nd is a zero.
  mutating func finite(_ precision: Precision, _ count: Int, spread: UInt64) -> Buffer {
    switch precision {
    case .single:
      fill(count, UInt32.self) {
        UInt32(truncatingIfNeeded: $0.pattern(exponentBits: 8, fractionBits: 23, spread: spread))
      }
    case .double:
      fill(count, UInt64.self) { $0.pattern(exponentBits: 11, fractionBits: 52, spread: spread) }
    }
  }

  private mutating func pattern(
    exponentBits: UInt64, fractionBits: UInt64, spread: UInt64
  ) -> UInt64 {
    let word = next()
    let sign = (word >> 63) << (exponentBits + fractionBits)
    let fraction = word & ((1 << fractionBits) - 1)
    let kind = next()
    switch kind % 32 {
    case 0: return sign
    case 1: return sign | fraction
    default:
      let bias = (1 << (exponentBits - 1)) - 1 as UInt64
      return sign | (bias - spread + kind / 32 % (2 * spread + 1)) << fractionBits | fraction
    }
  }

  /// One working number for each sign, power of a Float and seven bits of significand: NaN and both
  /// infinities included. The bits below lie on, beside and between the halves at which narrower
  /// types round.
  mutating func patterns(_ precision: Precision) -> Buffer {
    var upper: UInt64 = 0
    switch precision {
    case .single:
      return fill(1 << 16, UInt32.self) { numbers in
        defer { upper += 1 }
        let low = numbers.below([1 << 15, 1 << 12]) & 0xFFFF
        return UInt32(upper << 16 | (upper & 0x7FFF == 0x7F80 ? 0 : low))
      }
    case .double:
      return fill(1 << 16, UInt64.self) { numbers in
        defer { upper += 1 }
        let power = upper >> 7 & 0xFF
        // Floats below the smallest normal one are normal here, with smaller powers.
        let shift = power == 0 ? numbers.next() % 32 : 0
        let exponent = power == 0xFF ? 0x7FF : power + 1023 - 127 - shift
        let low = numbers.below([1 << 44, 1 << 41, 1 << 28]) & (1 << 45 - 1)
        return (upper >> 15) << 63 | exponent << 52 | (upper & 0x7F) << 45
          | (upper & 0x7FFF == 0x7F80 ? 0 : low)
      }
    }
  }

  /// Bits at one of these halves, three times it, beside it, none, all, or any.
  private mutating func below(_ halves: [UInt64]) -> UInt64 {
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

  private mutating func fill<Word: FixedWidthInteger & BitwiseCopyable>(
    _ count: Int, _ type: Word.Type, _ word: (inout KnownNumbers) -> Word
  ) -> Buffer {
    let size = MemoryLayout<Word>.size
    let buffer = Buffer(byteCount: count * size)
    for index in 0..<count {
      unsafe buffer.bytes.storeBytes(of: word(&self), toByteOffset: index * size, as: Word.self)
    }
    return buffer
  }
}
