import Storage

/// Draws pauses, so that many who failed together do not come back together. A machine's draws
/// depend on its seed and on what happened alone.
struct Jitter: Equatable, Sendable {
  private var numbers: SplitMix64

  init(seed: UInt64) { numbers = SplitMix64(seed: seed) }

  /// A number from 0 to `bound`, both included.
  mutating func below(_ bound: Int64) -> Int64 {
    Int64(numbers.next() % UInt64(max(0, bound) + 1))
  }
}
