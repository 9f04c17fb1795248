/// Hosts and how well their work goes: faults in a row, of jobs that others did well.
struct HostTable: Equatable, Sendable {
  private struct Entry: Equatable {
    var name: String
    var strikes = 0
    var isDrained = false
  }

  private var entries: [Entry] = []

  /// True for a host that gets no more work while others live.
  func isDrained(_ host: String) -> Bool { entries.contains { $0.name == host && $0.isDrained } }

  /// A job that failed here succeeded elsewhere; true where that was once too often.
  mutating func strike(_ host: String, limit: Int) -> Bool {
    let at = index(host)
    entries[at].strikes += 1
    guard entries[at].strikes >= limit, !entries[at].isDrained else { return false }
    entries[at].isDrained = true
    return true
  }

  /// A job succeeded here.
  mutating func clear(_ host: String) {
    guard let at = entries.firstIndex(where: { $0.name == host }) else { return }
    entries[at].strikes = 0
  }

  private mutating func index(_ host: String) -> Int {
    if let at = entries.firstIndex(where: { $0.name == host }) { return at }
    entries.append(Entry(name: host))
    return entries.count - 1
  }
}
