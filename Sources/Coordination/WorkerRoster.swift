// The workers that ever joined this run, in the order of their names, so that every walk over them
// is the same walk. Lost workers stay (they may come back); workers that left stay as a memory, so
// that a late copy of their words does not raise them from the dead.
import Messaging
import Planning

/// A task given to a worker and not answered yet.
struct HeldTask: Equatable, Sendable {
  var kind: Assignment.Kind
  var attempt: AttemptID
  /// When the assignment was last sent.
  var sentAt: Int64
  /// The worker's latest progress lists it.
  var isConfirmed = false
  var byteCount: Int64 = 0
  /// When `byteCount` last grew.
  var advancedAt: Int64
}

/// A worker as the coordinator sees it.
struct RosterEntry: Equatable, Sendable {
  enum Standing: Equatable, Sendable {
    case live
    /// Silent for a lease. Any word brings it back.
    case lost
    /// Said goodbye, or its process ended.
    case gone
  }

  let id: WorkerID
  var host: String
  var processID: Int
  var standing = Standing.live
  var lastHeard: Int64
  /// Highest sequence number seen.
  var sequence: UInt64 = 0
  /// Tasks it asked for beyond those it holds, less those given since.
  var credit = 0
  /// In the order given; at most one runs and the rest waits.
  var held: [HeldTask] = []
  /// What its latest progress says it holds.
  var reported: [AttemptID] = []
  var running: AttemptID?
  /// Merges of its own that were committed.
  var committedCount = 0

  /// `host/processID`.
  var label: String { "\(host)/\(processID)" }
  var isLive: Bool { standing == .live }

  /// Tasks it answers for, those we gave up on but it still reports included.
  var load: Int {
    held.count + reported.count { attempt in !held.contains { $0.attempt == attempt } }
  }

  /// Takes a task off its hands; nil where it does not hold it.
  mutating func release(_ kind: Assignment.Kind, _ attempt: AttemptID) -> HeldTask? {
    guard let at = held.firstIndex(where: { $0.kind == kind && $0.attempt == attempt }) else {
      return nil
    }
    return held.remove(at: at)
  }
}

/// All workers of the run, by name.
struct WorkerRoster: Equatable, Sendable {
  private(set) var entries: [RosterEntry] = []

  var indices: Range<Int> { entries.indices }
  var liveCount: Int { entries.count { $0.isLive } }

  subscript(index: Int) -> RosterEntry {
    get { entries[index] }
    _modify { yield &entries[index] }
  }

  /// Where a worker is listed.
  func index(of id: WorkerID) -> Int? {
    let at = insertionPoint(id)
    return at < entries.count && entries[at].id == id ? at : nil
  }

  /// Lists a worker not listed yet; entries after it move.
  mutating func insert(_ entry: RosterEntry) -> Int {
    let at = insertionPoint(entry.id)
    entries.insert(entry, at: at)
    return at
  }

  /// `host/processID` of a worker, for sentences.
  func label(_ id: WorkerID) -> String { index(of: id).map { entries[$0].label } ?? "a worker" }

  private func insertionPoint(_ id: WorkerID) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
