// When bytes may move so that they stay below a rate: the generic cell rate algorithm (ITU-T I.371,
// annex A), which is a token bucket kept as one point in time. Pure: the time comes from outside.

/// A rate of bytes, with a little of it saved up while nothing moves.
package struct TokenBucket: Equatable, Sendable {
  /// What may be saved up, in time: after a rest so much of the rate may move at once.
  package static let burstNanoseconds: Int64 = 100_000_000

  package let bytesPerSecond: Int64
  /// When all bytes taken so far are within the rate.
  private var evenAt = Int64.min

  package init(bytesPerSecond: Int64) {
    invariant(bytesPerSecond > 0, "a rate of \(bytesPerSecond) bytes a second")
    self.bytesPerSecond = bytesPerSecond
  }

  /// Takes bytes that are about to move; the nanoseconds to wait before they do.
  ///
  /// Of all that was taken, no more than the rate and one burst has moved at any time.
  package mutating func take(_ byteCount: Int, now: Int64) -> Int64 {
    let cost = (Double(byteCount) / Double(bytesPerSecond) * 1e9).rounded(.up)
    evenAt = max(evenAt, now - Self.burstNanoseconds) + Int64(min(cost, 1e18))
    return max(0, evenAt - now)
  }

  /// The most bytes to take at once: what a burst holds, in whole blocks of a device.
  package var pieceByteCount: Int {
    let unit = File.directByteCount
    return max(unit, Int(clamping: bytesPerSecond / 10) / unit * unit)
  }
}
