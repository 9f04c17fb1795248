// The workers that ever joined this run, in the order in which they came, so that every walk over
// them is the same walk. Lost workers stay (they may come back); workers that left stay as a
// memory, so that a late copy of their words does not raise them from the dead.
//
// Those with room for a task are listed by what they hold already: with a thousand workers nobody
// looks at all of them for every message.
import Planning
import Storage

/// All workers of the run.
struct WorkerRoster: Equatable, Sendable {
  private(set) var entries: [RosterEntry] = []
  /// Slots in the order of their workers' names.
  private var byName: [Int] = []
  /// Slots of live workers that want a task and hold 0, 1, … of them; ascending.
  private(set) var ready: [[Int]]
  /// The list of `ready` that a slot is in.
  private var place: [Int?] = []
  private(set) var liveCount = 0
  /// The most that ever lived at once.
  private(set) var liveCountMax = 0
  /// Grows with every change that may make another worker fit for a task.
  private(set) var version = 0
  /// Tasks that wait behind another, with all live workers.
  private(set) var waitingCount = 0

  init(tasksPerWorkerMax: Int) {
    ready = Array(repeating: [], count: tasksPerWorkerMax)
  }

  var slots: Range<Int> { entries.indices }

  subscript(slot: Int) -> RosterEntry { entries[slot] }

  /// Where a worker is listed.
  func slot(of id: WorkerID) -> Int? {
    let at = insertionPoint(id)
    return at < byName.count && entries[byName[at]].id == id ? byName[at] : nil
  }

  /// Lists a worker not listed yet.
  mutating func insert(_ entry: RosterEntry) -> Int {
    let slot = entries.count
    byName.insert(slot, at: insertionPoint(entry.id))
    entries.append(entry)
    place.append(nil)
    if entry.isLive { liveCount += 1 }
    version += 1
    liveCountMax = max(liveCountMax, liveCount)
    relist(slot)
    return slot
  }

  /// Changes what is known of a worker, and keeps the lists true to it.
  @discardableResult
  mutating func change<Result>(_ slot: Int, _ body: (inout RosterEntry) -> Result) -> Result {
    let before = (entries[slot].isLive, entries[slot].waitingCount)
    let (load, credit, isStill) = (entries[slot].load, entries[slot].credit, entries[slot].isStill)
    let result = body(&entries[slot])
    if before.0 != entries[slot].isLive || load != entries[slot].load
      || credit != entries[slot].credit || isStill != entries[slot].isStill
    {
      version += 1
    }
    liveCount += (entries[slot].isLive ? 1 : 0) - (before.0 ? 1 : 0)
    liveCountMax = max(liveCountMax, liveCount)
    waitingCount += entries[slot].waitingCount - before.1
    relist(slot)
    return result
  }

  /// `host/processID` of a worker, for sentences.
  func label(_ id: WorkerID) -> String {
    id.unmetLabel ?? slot(of: id).map { entries[$0].label } ?? "a worker"
  }

  func host(_ id: WorkerID) -> String {
    if let label = id.unmetLabel { return String(label.prefix { $0 != "/" }) }
    return slot(of: id).map { entries[$0].host } ?? ""
  }

  /// True where a live worker fits.
  func hasLive(where fits: (RosterEntry) -> Bool) -> Bool {
    entries.contains { $0.isLive && fits($0) }
  }

  /// Names of hosts with a live worker that fits, each once.
  func liveHosts(where fits: (RosterEntry) -> Bool = { _ in true }) -> [String] {
    var hosts: [String] = []
    for entry in entries where entry.isLive && fits(entry) && !hosts.contains(entry.host) {
      hosts.append(entry.host)
    }
    return hosts
  }

  private mutating func relist(_ slot: Int) {
    let list = entries[slot].hasRoom ? entries[slot].load : nil
    let wanted = list.flatMap { ready.indices.contains($0) ? $0 : nil }
    guard wanted != place[slot] else { return }
    if let old = place[slot] { ready[old].remove(at: ready[old].partitionPoint { $0 < slot }) }
    if let wanted {
      ready[wanted].insert(slot, at: ready[wanted].partitionPoint { $0 < slot })
    }
    place[slot] = wanted
  }

  private func insertionPoint(_ id: WorkerID) -> Int {
    byName.partitionPoint { entries[$0].id < id }
  }
}
