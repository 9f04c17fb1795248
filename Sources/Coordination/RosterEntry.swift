// A worker as the coordinator sees it.
import Messaging
import Planning

/// A task given to a worker and not answered yet.
struct HeldTask: Equatable, Sendable {
  var task: TaskID
  /// When the assignment was last sent.
  var sentAt: Int64
  /// The worker's latest progress lists it.
  var isConfirmed = false
  /// Its worker had it already: it cannot be given to it once more.
  var isAdopted = false
  /// Nothing else may be given to its worker meanwhile.
  var isAlone = false
  var byteCount: Int64 = 0
  /// When it was first reported as running.
  var startedAt: Int64?
  /// When `byteCount` last grew, or another byte was read or written.
  var advancedAt: Int64
  /// It was told that no byte moves.
  var isStill = false

  var attempt: AttemptID { task.attempt }
}

/// A worker's process.
struct RosterEntry: Equatable, Sendable {
  enum Standing: Equatable, Sendable {
    case live
    /// Its connection broke. Any word brings it back.
    case away(since: Int64)
    /// Silent for a lease, or away for too long. Any word brings it back.
    case lost
    /// Said goodbye, or its process ended, or its key was taken back.
    case gone
  }

  let id: WorkerID
  let host: String
  let processID: Int
  let memoryByteCount: Int64
  var standing = Standing.live
  var lastHeard: Int64
  /// Highest sequence number seen.
  var sequence: UInt64 = 0
  /// Tasks it asked for beyond those it holds, less those given since.
  var credit = 0
  /// In the order given; at most one runs and the rest waits.
  var held: [HeldTask] = []
  /// What its latest progress says it holds.
  var reported: [TaskID] = []
  var running: TaskID?
  /// Bytes that its tasks have read and written.
  var movedByteCount: Int64 = 0
  /// Its silence was counted as a death.
  var isMourned = false
  /// It declined a shard of so many bytes: its time is too short for that.
  var declinedByteCount: Int64?
  /// Merges of its own that were committed.
  var committedCount = 0
  /// Bytes merged, and the time they took: how fast it is.
  var mergedByteCount: Int64 = 0
  var mergedMilliseconds: Int64 = 0

  /// `host/processID`.
  var label: String { "\(host)/\(processID)" }
  var isLive: Bool { standing == .live }

  /// True where a name is this worker's, or that of its process as an earlier coordinator knew it.
  func answers(to name: WorkerID) -> Bool { name == id || name.unmetLabel == label }
  var hasRoom: Bool { isLive && credit > 0 && !held.contains { $0.isAlone } }

  /// What it does moves no byte.
  var isStill: Bool { held.contains { $0.isStill } }

  /// Tasks it answers for, those we gave up on but it still reports included.
  var load: Int {
    held.count + reported.count { task in !held.contains { $0.task == task } }
  }

  /// Tasks behind the one that runs, or that will run first.
  var waitingCount: Int { isLive ? max(0, held.count - 1) : 0 }

  /// The task that runs: as reported, or the one given first.
  var current: HeldTask? { held.first { $0.task == running } ?? held.first }

  /// Takes a task off its hands; nil where it does not hold it.
  mutating func release(_ task: TaskID) -> HeldTask? {
    guard let at = held.firstIndex(where: { $0.task == task }) else { return nil }
    return held.remove(at: at)
  }
}
