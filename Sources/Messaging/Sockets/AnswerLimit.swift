// How often somebody who was refused is told so. Whoever sends without end gets one answer a second
// and costs a bounded piece of memory.

/// Remembers who was answered in the last second.
struct AnswerLimit {
  /// Peers answered within one second; more get their answer later.
  static let peerCountMax = 4096

  private var answered: [Peer: ContinuousClock.Instant] = [:]

  /// True where the peer may be answered now, which then counts.
  mutating func allows(_ peer: Peer, now: ContinuousClock.Instant) -> Bool {
    if let last = answered[peer], now - last < .seconds(1) { return false }
    if answered.count >= Self.peerCountMax {
      answered = answered.filter { now - $0.value < .seconds(1) }
      guard answered.count < Self.peerCountMax else { return false }
    }
    answered[peer] = now
    return true
  }
}
