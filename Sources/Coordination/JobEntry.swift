// One job's way through a run: merges of it under way, what they brought, and what went wrong.
import Planning

/// A merge given out and not answered yet.
struct Try: Equatable, Sendable {
  var attempt: AttemptID
  var worker: WorkerID
  /// Its worker does nothing else meanwhile: should it die, no other job is to blame.
  var isAlone = false
}

/// A merge whose worker fell silent, or of an earlier coordinator: it may yet be reported.
struct Stray: Equatable, Sendable {
  var attempt: AttemptID
  /// Nil where an earlier coordinator gave it out.
  var worker: WorkerID?
}

/// What a writer says of its finished attempt.
struct Claim: Equatable, Sendable {
  /// A reader that found other bytes than the writer wrote.
  struct Doubt: Equatable, Sendable {
    var reader: WorkerID
    var found: String
  }

  var attempt: AttemptID
  var writer: WorkerID
  var byteCount: Int64
  var digest: String
  /// False for one that lost its race: its digest counts, its file is gone.
  var hasFile = true
  /// Everyone who was asked to read it back.
  var readers: [WorkerID] = []
  var doubts: [Doubt] = []
}

/// A worker that died, or vanished, with the job running.
struct Death: Equatable, Sendable {
  var worker: WorkerID
  var host: String
  var wasAlone: Bool
}

/// A failure that a worker reported, or that we found in its work.
struct Failure: Equatable, Sendable {
  var worker: WorkerID
  var host: String
  /// A fault of the inputs that its worker named; nil for devices and machines.
  var inputFault: String?
}

/// One job: open → written → readingBack → committing → committed; or failed.
struct JobEntry: Equatable, Sendable {
  enum State: Equatable, Sendable {
    /// Merges are wanted or under way.
    case open
    /// The claim waits for a reader.
    case written(Claim)
    case readingBack(Claim, reader: WorkerID)
    case committing(Claim)
    case committed
    /// Its record is being taken back: another worker made other bytes.
    case revoking
    /// Given up; the rest of the run goes on.
    case failed
  }

  let facts: JobFacts
  var state: State
  /// Numbers given to attempts so far.
  var attempts = 0
  /// Merges begun, without those taken back unstarted.
  var begun = 0
  var tries: [Try] = []
  var strays: [Stray]
  /// Tries that lost their race, in case their results were on the way.
  var losers: [Try] = []
  /// Claims whose files are being looked at.
  var checking: [Claim] = []
  /// Claims whose files are as claimed, in the order they came.
  var claims: [Claim] = []
  /// Claims it takes to agree on its bytes: 1, 2 where audited, 3 where two differ.
  var wanted = 1
  /// When two claims differed and a third worker was first missed.
  var disputedSince: Int64?
  /// When it joined the queue it waits in: of merges, or of read-backs.
  var queuedAt: Int64 = 0
  /// No merge of it is given out before.
  var notBefore: Int64 = 0
  var hasCopy = false

  var deaths: [Death] = []
  var failures: [Failure] = []
  /// Hosts that failed it; charged to them once it succeeds elsewhere.
  var faultyHosts: [String] = []
  /// Why it was given up.
  var verdict: String?

  init(_ facts: JobFacts, isAudited: Bool, adoptionEnd: Int64) {
    self.facts = facts
    state = facts.isCommitted ? .committed : .open
    // Whose opinion it is must be known where two are compared: there its worker has to come back.
    let finished = isAudited ? [] : facts.finished
    let running = facts.orphans.filter { orphan in
      !finished.contains { $0.attempt == orphan }
    }
    strays = running.map { Stray(attempt: $0, worker: nil) }
    checking = finished.map { done in
      Claim(
        attempt: done.attempt, writer: .unmet(host: done.host, processID: done.processID),
        byteCount: done.byteCount, digest: done.digest)
    }
    wanted = isAudited ? 2 : 1
    notBefore = running.isEmpty ? 0 : adoptionEnd
  }

  /// True where another merge of it should be given out, now or later.
  var wantsMerge: Bool {
    state == .open && tries.count + checking.count + claims.count < wanted
  }

  /// Workers that have a hand in it: an independent opinion must come from somebody else.
  var involved: [WorkerID] {
    tries.map(\.worker) + checking.map(\.writer) + claims.map(\.writer)
  }

  mutating func blame(_ host: String) {
    if !faultyHosts.contains(host) { faultyHosts.append(host) }
  }
}
