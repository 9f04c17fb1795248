/// What was injected, and how often.
package struct SimulationCounts: Sendable {
  package var troubles: [Trouble: Int] = [:]
  package var messages = 0
  package var lostMessages = 0
  package var repeatedMessages = 0
  package var staleMessages = 0
  package var refusedMessages = 0
  package var lies = 0
  package var refusedStarts = 0
  package var refusedSecond = 0

  package init() {}

  /// All of it in a line.
  package var text: String {
    let kinds = Trouble.allCases.map { "\($0) \(troubles[$0] ?? 0)" }
    return
      (kinds + [
        "messages \(messages)", "lost \(lostMessages)", "repeated \(repeatedMessages)",
        "stale \(staleMessages)", "refused \(refusedMessages)", "lies \(lies)",
        "failed starts \(refusedStarts)", "second coordinators refused \(refusedSecond)",
      ]).joined(separator: ", ")
  }

  /// Adds another run's.
  package mutating func add(_ other: SimulationCounts) {
    troubles.merge(other.troubles, uniquingKeysWith: +)
    messages += other.messages
    lostMessages += other.lostMessages
    repeatedMessages += other.repeatedMessages
    staleMessages += other.staleMessages
    refusedMessages += other.refusedMessages
    lies += other.lies
    refusedStarts += other.refusedStarts
    refusedSecond += other.refusedSecond
  }
}
