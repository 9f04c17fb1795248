// The only place where a distributed run is decided. A pure value: no clock, no disk, no
// randomness; the same events in the same order give the same directives. `CoordinatorShell` drives
// it with real sockets and files, Tests/SimulationTests with a fake cluster.
//
// Every handler is idempotent on (kind, attempt): a repeated, late or foreign word is answered and
// changes nothing.
import Messaging
import Planning

/// Decides who does what, on whose word a shard is committed, and when the run is over.
package struct CoordinatorMachine: Sendable {
  let settings: CoordinatorSettings
  var jobs: JobTable
  var roster = WorkerRoster()
  /// Orders to the disk thread that are not answered yet.
  var diskPending = 0
  /// True from the order to publish on.
  var isPublishing = false
  /// Set once the run cannot or need not go on; no merge is assigned from then.
  var ending: End?
  /// When workers were first dismissed, and when they were last reminded.
  var dismissedAt: Int64?
  var remindedAt: Int64 = 0
  var isOver = false
  /// Why no worker will come any more; nil while some may.
  var desertion: String?
  var retries = 0
  var lastNow: Int64?
  var sequence: UInt64 = 0
  var directives: [Directive] = []

  /// Jobs must be numbered by their position in the plan.
  package init(settings: CoordinatorSettings, jobs: [JobFacts]) {
    self.settings = settings
    self.jobs = JobTable(jobs)
  }

  /// Takes one event at a time; times must not go backwards.
  package mutating func on(_ event: Event, now: Int64) -> [Directive] {
    guard !isOver else { return [] }
    excuseOwnSleep(now: now)
    switch event {
    case .message(let message, let envelope, let id):
      hear(message, envelope, from: id, now: now)
    case .workerGone(let host, let processID): workerGone(host, processID, now: now)
    case .noMoreWorkers(let reason): desertion = reason
    case .tick: tick(now: now)
    case .stop(let reason): stop(reason, now: now)
    case .checked(let attempt):
      diskPending -= 1
      checked(attempt)
    case .checkFailed(let attempt, let reason):
      diskPending -= 1
      checkFailed(attempt, reason)
    case .committed(let attempt):
      diskPending -= 1
      committed(attempt)
    case .commitFailed(let attempt, let reason, let noSpace):
      diskPending -= 1
      commitFailed(attempt, reason, noSpace: noSpace)
    case .published:
      diskPending -= 1
      ending = .finished
    case .publishFailed(let reason, let noSpace):
      diskPending -= 1
      ending = noSpace ? .stopped(reason: reason) : .failed(reasons: [reason])
    }
    assign(now: now)
    advance(now: now)
    defer { directives = [] }
    return directives
  }

  /// How far the run is.
  package var snapshot: ProgressSnapshot {
    var done: Int64 = 0
    var total: Int64 = 0
    for job in jobs.entries {
      total += job.facts.byteCount
      switch job.state {
      case .pending, .failed: break
      case .merging(let attempt, let worker):
        let task = roster.index(of: worker).flatMap { index in
          roster[index].held.first { $0.kind == .merge && $0.attempt == attempt }
        }
        done += min(task?.byteCount ?? 0, job.facts.byteCount)
      case .checking, .written, .readingBack, .committing, .committed:
        done += job.facts.byteCount
      }
    }
    return ProgressSnapshot(
      jobsDone: jobs.committedCount, jobsTotal: jobs.count, bytesDone: done, bytesTotal: total,
      workers: roster.liveCount, phase: phase)
  }

  /// Merges given out again, for whatever reason.
  package var retryCount: Int { max(0, retries) }

  /// Workers that made at least one committed shard.
  package var workersUsed: Int { roster.entries.count { $0.committedCount > 0 } }

  private var phase: String {
    if isPublishing { return "publishing" }
    if ending != nil { return "stopping" }
    if roster.liveCount == 0 { return "waiting for workers" }
    return jobs.pending.isEmpty ? "finishing" : "merging"
  }

  /// A coordinator that was itself asleep (stopped, swapped out) must not blame the workers: what
  /// they said meanwhile still waits in the socket.
  private mutating func excuseOwnSleep(now: Int64) {
    defer { lastNow = now }
    guard let lastNow, now - lastNow > settings.leaseMilliseconds / 5 else { return }
    for index in roster.indices { roster[index].lastHeard += now - lastNow }
  }

  /// Says something to a worker.
  mutating func send(_ message: CoordinatorMessage, to id: WorkerID) {
    sequence += 1
    let envelope = Envelope(epoch: settings.epoch, session: id.life, sequence: sequence)
    directives.append(.send(message, envelope, to: id))
  }

  /// Writes a line of history.
  mutating func note(
    _ kind: Note.Kind, _ attempt: AttemptID? = nil, worker: WorkerID? = nil, text: String = ""
  ) {
    let label = worker.map { roster.label($0) } ?? ""
    directives.append(.note(Note(kind: kind, attempt: attempt, worker: label, text: text)))
  }
}
