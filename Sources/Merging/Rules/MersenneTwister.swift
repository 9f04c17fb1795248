// torch's generator on a CPU, as far as adapters whose random choices were not saved need it.
// Source: Matsumoto and Nishimura's MT19937; torch `aten/src/ATen/core/MT19937RNGEngine.h`,
// `native/TensorFactories.cpp` (randperm).
import Glibc

struct MersenneTwister {
  private var state: [UInt32]
  private var index = 624

  init(seed: UInt32) {
    state = [seed]
    for i in 1..<624 {
      let last = state[i - 1]
      state.append(1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(i))
    }
  }

  mutating func next() -> UInt32 {
    if index == 624 { twist() }
    var word = state[index]
    index += 1
    word ^= word >> 11
    word ^= (word << 7) & 0x9D2C_5680
    word ^= (word << 15) & 0xEFC6_0000
    return word ^ (word >> 18)
  }

  mutating func next64() -> UInt64 {
    let high = UInt64(next())
    return high << 32 | UInt64(next())
  }

  /// A number from 0 to below 1, of 24 random bits.
  mutating func uniform() -> Float { Float(next() & 0xFF_FFFF) * 0x1p-24 }

  /// Numbers as `torch.normal` draws 16 or more: Box and Muller's pairs in runs of 16, the last run
  /// drawn anew where it is not full. To some units in the last place, for logarithms differ.
  mutating func normals(_ count: Int) -> [Double] {
    guard count >= 16 else { return [] }
    var numbers = (0..<count).map { _ in Double(uniform()) }
    func pair(_ start: Int) {
      for j in start..<(start + 8) {
        let radius = (-2 * log(1 - numbers[j])).squareRoot()
        let turn = 2 * Double.pi * numbers[j + 8]
        (numbers[j], numbers[j + 8]) = (
          radius * cos(turn), radius * sin(turn)
        )
      }
    }
    for start in stride(from: 0, through: count - 16, by: 16) { pair(start) }
    if count % 16 != 0 {
      for j in (count - 16)..<count { numbers[j] = Double(uniform()) }
      pair(count - 16)
    }
    return numbers
  }

  /// The first elements of `torch.randperm(size)`: only so many draws settle them.
  mutating func firstOfPermutation(_ size: Int, count: Int) -> [Int] {
    var moved: [Int: Int] = [:]
    var result: [Int] = []
    let isLarge = UInt64(size) >= UInt64(UInt32.max) / 20
    for i in 0..<count {
      // The last place is not drawn for.
      let left = UInt64(size - i)
      let step = left == 1 ? 0 : isLarge ? next64() % left : UInt64(next()) % left
      let other = i + Int(step)
      let value = moved[other] ?? other
      moved[other] = moved[i] ?? i
      result.append(value)
    }
    return result
  }

  private mutating func twist() {
    for i in 0..<624 {
      let y = (state[i] & 0x8000_0000) | (state[(i + 1) % 624] & 0x7FFF_FFFF)
      state[i] = state[(i + 397) % 624] ^ (y >> 1) ^ (y & 1 == 0 ? 0 : 0x9908_B0DF)
    }
    index = 0
  }
}
