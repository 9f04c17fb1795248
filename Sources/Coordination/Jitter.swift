/// Draws pauses, so that many who failed together do not come back together. SplitMix64 (Steele,
/// Lea, Flood 2014): a machine's draws depend on its seed and on what happened alone.
struct Jitter: Equatable, Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A number from 0 to `bound`, both included.
  mutating func below(_ bound: Int64) -> Int64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    mixed ^= mixed >> 31
    return Int64(mixed % UInt64(max(0, bound) + 1))
  }
}
