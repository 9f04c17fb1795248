// The jobs and where each stands, with the two queues that assignments are drawn from. Walks are in
// order of id or of queue; nothing here is hashed.
import Planning
import Storage

/// What a writer says of its finished attempt.
struct Claim: Equatable, Sendable {
  var attempt: AttemptID
  var writer: WorkerID
  var byteCount: Int64
  var digest: String
  /// Everyone who was asked to read it back.
  var readers: [WorkerID] = []
}

/// One job's way: pending → merging → checking → written → readingBack → committing → committed.
struct JobEntry: Equatable, Sendable {
  enum State: Equatable, Sendable {
    case pending
    case merging(AttemptID, WorkerID)
    case checking(Claim)
    /// Waits for a reader.
    case written(Claim)
    case readingBack(Claim, reader: WorkerID)
    case committing(Claim)
    case committed
    case failed
  }

  let facts: JobFacts
  var state: State
  /// Numbers given to attempts so far.
  var attempts = 0
  var failures = 0
  var mismatches = 0
  var losses = 0
  /// Workers it failed on; others are preferred.
  var avoided: [WorkerID] = []
}

/// All jobs of the plan.
struct JobTable: Equatable, Sendable {
  private(set) var entries: [JobEntry]
  /// Pending jobs, the next one last: largest first, ties by id.
  private(set) var pending: [Int] = []
  /// Jobs in `written`, in the order they came.
  private(set) var written: [Int] = []
  private(set) var committedCount = 0

  /// Jobs must be numbered by their position.
  init(_ jobs: [JobFacts]) {
    for (position, job) in jobs.enumerated() {
      invariant(job.id == position, "job \(job.id) at position \(position)")
    }
    entries = jobs.map { JobEntry(facts: $0, state: $0.isCommitted ? .committed : .pending) }
    committedCount = jobs.count { $0.isCommitted }
    pending = jobs.filter { !$0.isCommitted }
      .sorted { ($1.byteCount, $0.id) < ($0.byteCount, $1.id) }.map(\.id).reversed()
  }

  var count: Int { entries.count }
  var isAllCommitted: Bool { committedCount == entries.count }

  subscript(job: Int) -> JobEntry {
    get { entries[job] }
    _modify { yield &entries[job] }
  }

  /// Sets a job's state and keeps the queues true to it.
  mutating func move(_ job: Int, to state: JobEntry.State) {
    switch entries[job].state {
    case .pending: pending.removeAll { $0 == job }
    case .written: written.removeAll { $0 == job }
    case .committed: unreachable("job \(job) leaves committed")
    default: break
    }
    entries[job].state = state
    switch state {
    case .pending:
      let at = pending.firstIndex { isBefore($0, job) } ?? pending.endIndex
      pending.insert(job, at: at)
    case .written: written.append(job)
    case .committed: committedCount += 1
    default: break
    }
  }

  /// True where `a` is handed out before `b`.
  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    let (costA, costB) = (entries[a].facts.byteCount, entries[b].facts.byteCount)
    return costA == costB ? a < b : costA > costB
  }
}
