// The only place where a distributed run is decided. A pure value: no clock, no disk, no
// randomness but what its seed gives; the same events in the same order give the same directives.
// `CoordinatorShell` drives it with real sockets and files, Tests/Simulation with a fake cluster.
//
// Every handler is idempotent on (kind, attempt): a repeated, late or foreign word is answered and
// changes nothing.
import Messaging
import Planning

/// Decides who does what, on whose word a shard is committed, and when the run is over.
package struct CoordinatorMachine: Sendable {
  let settings: CoordinatorSettings
  var jobs: JobTable
  var roster: WorkerRoster
  var hosts = HostTable()
  var jitter: Jitter
  /// Orders to the disk that are not answered yet.
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
  /// Bytes given out twice to be faster.
  var copiedByteCount: Int64 = 0
  /// Deaths since something was last committed.
  var barrenDeaths = 0
  /// The time of the event at hand; never goes back.
  var now: Int64
  /// Of jobs and workers, when all was given out that could be.
  private var assignedVersion: [Int] = []
  var sequence: UInt64 = 0
  var directives: [Directive] = []

  /// Jobs must be numbered by their position in the plan.
  package init(settings: CoordinatorSettings, jobs facts: [JobFacts], now: Int64) {
    self.settings = settings
    let percent = settings.auditPercent
    jobs = JobTable(
      facts.map { job in
        JobEntry(
          job, isAudited: (job.id + 1) * percent / 100 > job.id * percent / 100,
          adoptionEnd: now + settings.adoptionMilliseconds)
      }, now: now)
    roster = WorkerRoster(tasksPerWorkerMax: settings.tasksPerWorkerMax)
    jitter = Jitter(seed: settings.seed)
    self.now = now
    takeUpFinished(facts)
  }

  /// What workers of an earlier coordinator have finished is looked at like any other claim; the
  /// orders go out with the first event.
  private mutating func takeUpFinished(_ facts: [JobFacts]) {
    for job in facts where !job.isCommitted && jobs[job.id].wanted == 1 {
      for done in job.finished {
        diskPending += 1
        note(
          .adopted, done.attempt, worker: .unmet(host: done.host, processID: done.processID),
          text: "it lies there finished")
        directives.append(
          .check(
            done.attempt, byteCount: done.byteCount, digest: done.digest,
            recordDigest: done.recordDigest))
      }
    }
  }

  /// Takes one event at a time; times must not go backwards.
  package mutating func on(_ event: Event, now: Int64) -> [Directive] {
    guard !isOver else { return [] }
    excuseOwnSleep(now: now)
    self.now = now
    switch event {
    case .message(let message, let envelope, let id): hear(message, envelope, from: id)
    case .workerGone(let host, let processID): workerGone(host, processID)
    case .unreachable(let id): unreachable(id)
    case .barred(let key, let reason): barred(key, reason)
    case .superseded(let reason): superseded(reason)
    case .noMoreWorkers(let reason): desertion = reason
    case .tick: tick()
    case .stop(let reason): stop(reason)
    default: hearDisk(event)
    }
    if !isOver {
      assignWhereNeeded(event)
      advance()
    }
    defer { directives = [] }
    return directives
  }

  /// Most words of a thousand idle workers change nothing that an assignment depends on; what
  /// depends on time alone is looked at now and then.
  private mutating func assignWhereNeeded(_ event: Event) {
    let isTick = if case .tick = event { true } else { false }
    guard isTick || assignedVersion != [jobs.version, roster.version] else { return }
    assign()
    assignedVersion = [jobs.version, roster.version]
  }

  private mutating func hearDisk(_ event: Event) {
    diskPending -= 1
    switch event {
    case .checked(let attempt): checked(attempt)
    case .checkFailed(let attempt, let reason): checkFailed(attempt, reason)
    case .committed(let attempt): committed(attempt)
    case .commitFailed(let attempt, let reason, let noSpace):
      commitFailed(attempt, reason, noSpace: noSpace)
    case .revoked(let job): revoked(job)
    case .revokeFailed(let job, let reason): revokeFailed(job, reason)
    case .published: ending = .finished
    case .publishFailed(let reason, let noSpace):
      ending = noSpace ? .stopped(reason: reason) : .failed(reasons: [reason])
    default: break
    }
  }

  /// This coordinator's life.
  package var epoch: UInt64 { settings.epoch }

  /// True for a worker that joined and has not left.
  package func knows(_ id: WorkerID) -> Bool {
    roster.slot(of: id).map { roster[$0].standing != .gone } ?? false
  }

  /// Merges given out again because one failed or was lost.
  package var retryCount: Int { retries }

  /// Workers that made at least one committed shard.
  package var workersUsed: Int { roster.entries.count { $0.committedCount > 0 } }

  /// A coordinator that was itself asleep (stopped, swapped out) must not blame the workers: what
  /// they said meanwhile still waits in the socket.
  private mutating func excuseOwnSleep(now: Int64) {
    let sleep = now - self.now
    guard sleep > settings.leaseMilliseconds / 5 else { return }
    for slot in roster.slots {
      roster.change(slot) { entry in
        entry.lastHeard += sleep
        if case .away(let since) = entry.standing { entry.standing = .away(since: since + sleep) }
        for at in entry.held.indices { entry.held[at].advancedAt += sleep }
      }
    }
  }

  /// Changes a job and keeps the queues true to it.
  @discardableResult
  mutating func change<Result>(_ job: Int, _ body: (inout JobEntry) -> Result) -> Result {
    jobs.change(job, now: now, body)
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
