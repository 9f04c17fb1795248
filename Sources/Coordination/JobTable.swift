// All jobs, with the queues that assignments are drawn from. Walks are in order of id or of queue;
// nothing here is hashed.
import Planning
import Storage

/// All jobs of the plan.
struct JobTable: Equatable, Sendable {
  private enum Queue: Equatable { case none, pending, resting, written }

  private(set) var entries: [JobEntry]
  /// Jobs that want a merge now, the next one last: largest first, ties by id.
  private(set) var pending: [Int] = []
  /// Jobs that want a merge later, by id.
  private(set) var resting: [Int] = []
  /// Jobs in `written`, in the order they came.
  private(set) var written: [Int] = []
  /// A worker with less memory can have none of the pending jobs. True, and as much as it can be
  /// when it was found; jobs that left since do not raise it.
  private(set) var leastMemory: Int64 = 0
  private(set) var committedCount = 0
  private(set) var failedCount = 0
  /// Of all shards.
  let byteCount: Int64
  /// Grows with every change of a job.
  private(set) var version = 0
  private var queues: [Queue]

  /// Jobs must be numbered by their position.
  init(_ entries: [JobEntry], now: Int64) {
    for (position, entry) in entries.enumerated() {
      invariant(entry.facts.id == position, "job \(entry.facts.id) at position \(position)")
    }
    self.entries = entries
    byteCount = entries.reduce(0) { $0 + $1.facts.byteCount }
    queues = entries.map { _ in .none }
    committedCount = entries.count { $0.state == .committed }
    // Sorted once: one insertion after the other would be quadratic.
    let wanting = entries.indices.filter { entries[$0].wantsMerge }
    pending = wanting.filter { entries[$0].notBefore <= now }
      .sorted { Self.isBefore(entries[$1], entries[$0]) }
    resting = wanting.filter { entries[$0].notBefore > now }
    for job in pending { queues[job] = .pending }
    for job in resting { queues[job] = .resting }
    for job in wanting { self.entries[job].queuedAt = now }
  }

  var count: Int { entries.count }
  var isAllCommitted: Bool { committedCount == entries.count }
  /// True where nothing is left to be done for any job.
  var isAllSettled: Bool { committedCount + failedCount == entries.count }

  /// Finds `leastMemory` anew: once a worker got nothing.
  mutating func findLeastMemory() {
    leastMemory = pending.reduce(.max) { min($0, entries[$1].facts.memoryByteCount) }
  }

  subscript(job: Int) -> JobEntry { entries[job] }

  /// Changes a job and keeps the queues true to it.
  mutating func change<Result>(
    _ job: Int, now: Int64, _ body: (inout JobEntry) -> Result
  ) -> Result {
    version += 1
    count(entries[job].state, by: -1)
    let result = body(&entries[job])
    count(entries[job].state, by: 1)
    requeue(job, now: now)
    return result
  }

  /// Moves jobs whose rest is over among the pending ones.
  mutating func wake(now: Int64) {
    for job in resting where entries[job].notBefore <= now { requeue(job, now: now) }
  }

  private mutating func count(_ state: JobEntry.State, by change: Int) {
    if state == .committed { committedCount += change }
    if state == .failed { failedCount += change }
  }

  private mutating func requeue(_ job: Int, now: Int64) {
    let queue: Queue
    if case .written = entries[job].state {
      queue = .written
    } else if entries[job].wantsMerge {
      queue = entries[job].notBefore <= now ? .pending : .resting
    } else {
      queue = .none
    }
    guard queue != queues[job] else { return }
    switch queues[job] {
    case .none: break
    case .pending: pending.remove(at: place(of: job))
    case .resting: resting.removeAll { $0 == job }
    case .written: written.removeAll { $0 == job }
    }
    queues[job] = queue
    entries[job].queuedAt = now
    switch queue {
    case .none: break
    case .pending:
      pending.insert(job, at: place(of: job))
      leastMemory = min(leastMemory, entries[job].facts.memoryByteCount)
    case .resting: resting.insert(job, at: resting.firstIndex { $0 > job } ?? resting.endIndex)
    case .written: written.append(job)
    }
  }

  /// Where a job stands among the pending ones, or would.
  private func place(of job: Int) -> Int {
    pending.partitionPoint { Self.isBefore(entries[job], entries[$0]) }
  }

  /// True where `a` is handed out before `b`.
  private static func isBefore(_ a: JobEntry, _ b: JobEntry) -> Bool {
    let (costA, costB) = (a.facts.byteCount, b.facts.byteCount)
    return costA == costB ? a.facts.id < b.facts.id : costA > costB
  }
}
