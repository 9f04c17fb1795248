import Storage

/// Random numbers that a seed repeats on every machine: see `SplitMix64`.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var words: SplitMix64

  package init(seed: UInt64) { words = SplitMix64(seed: seed) }

  package mutating func next() -> UInt64 { words.next() }

  /// From 0 up to, not including, 1.
  package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// About normal: the sum of twelve uniform numbers less six, exact on every machine.
  package mutating func normal() -> Double { (0..<12).reduce(-6) { sum, _ in sum + uniform() } }
}
