// The invariants, looked at as a run goes on; the first that breaks is kept. Named by number:
//
//   I1  an output is visible exactly when every shard is committed, read back and in place
//   I2  its bytes are those of an undisturbed merge
//   I3  no final name is overwritten or visible before
//   I4  no two commits of a job differ
//   I5  what is committed is not merged again; merges beyond the first have a reason
//   I6  without its journals a merge commits the same
//   I7  no worker obeys a lower epoch than it has met, and a replaced coordinator commits nothing
//   I8  no worker is given a job that needs more memory than it has, nor more tasks than it asked for
//   I9  every result is settled, and an attempt has one owner
//   I10 nothing is charged to who left as asked
//   I11 a job is given up only after what is enough for it
//   I12 a commit is believed when it would survive a power cut
//   I13 nothing is left behind
//   I14 after all has healed the run ends (the simulation's bound)
//   I15 the same seed gives the same trace (the tests')
import Coordination
import Ledger
import Messaging
import Planning
import Storage
import Working

/// Looks at everything that is said and done, and remembers the first rule that is broken.
package final class ClusterWatch {
  var broken: String?
  /// How often each invariant was looked at.
  package private(set) var checks = [Int](repeating: 0, count: 16)

  let merge: SmallMerge
  let weather: Weather
  private let output: OutputWatch

  /// What a coordinator's life knows of its workers, reckoned from the words alone.
  struct Life {
    var epoch: UInt64
    var credit: [WorkerID: Int] = [:]
    var sequence: [WorkerID: UInt64] = [:]
    var names: [String: WorkerID] = [:]
    var hasLeft: Set<String> = []
    var results: Set<TaskID> = []
  }

  var lives: [Int: Life] = [:]
  /// Who was given a merge first.
  private var owners: [AttemptID: WorkerID] = [:]
  /// Merges that need no further reason to be repeated.
  private var excused: Set<AttemptID> = []
  private var given: [Int: [AttemptID]] = [:]
  private var committedJobs: Set<Int> = []
  private var epochsMet: [UInt64: UInt64] = [:]
  private var highestEpoch: UInt64 = 0
  private var saidResults: Set<String> = []
  private var failures: [Int: Int] = [:]
  private var losses: [Int: Int] = [:]
  private var disputed: Set<Int> = []

  init(
    _ merge: SmallMerge, expected: [(name: String, bytes: [UInt8])], weather: Weather
  ) {
    self.merge = merge
    self.weather = weather
    output = OutputWatch(merge, expected: expected)
  }

  private func check(_ number: Int, _ holds: Bool, _ text: @autoclosure () -> String) {
    checks[number] += 1
    if !holds, broken == nil { broken = "I\(number): \(text())" }
  }

  // MARK: The disk (I1, I3, I4)

  func look(at disk: SimulatedDisk, after operation: DiskOperation) {
    guard operation.kind.changes else { return }
    let isNaming =
      operation.path.hasPrefix(merge.folder.publish) || operation.path.hasPrefix(merge.output + "/")
      || operation.path.hasPrefix(merge.folder.attempts) && operation.kind == .renameKeeping
    guard isNaming else { return }
    output.look(at: disk, after: "\(operation)")
    check(3, output.breaches.isEmpty, output.breaches.first ?? "")
  }

  /// A commit record was made, or found made.
  func committed(_ attempt: AttemptID, by number: Int, on disk: SimulatedDisk) {
    let path = merge.folder.commit(attempt.job)
    let record = disk.bytes(path).flatMap { bytes -> CommitRecord? in
      do { return try CommitRecord.decode(bytes) } catch { return nil }
    }
    let right = merge.record(attempt, host: "", processID: 0).digest
    check(
      4, record?.digest == right, "job \(attempt.job) is committed as \(record?.digest ?? "none")")
    let platter = disk.copy(seed: 1)
    platter.cutPower(.everything)
    check(
      12, weather.disk.isNetwork || platter.exists(path),
      "the commit of job \(attempt.job) is believed and not durable")
    let newest = lives.values.map(\.epoch).max() ?? 0
    check(
      7, lives[number]?.epoch == highestEpoch || newest < highestEpoch,
      "coordinator \(number) commits after epoch \(highestEpoch) began")
    committedJobs.insert(attempt.job)
  }

  func commits(_ attempt: AttemptID, by number: Int) {}

  func revokes(_ job: Int) {
    committedJobs.remove(job)
    for attempt in given[job] ?? [] { excused.insert(attempt) }
  }

  func powerWasCut() { for attempts in given.values { excused.formUnion(attempts) } }

  /// True where damage to the attempt's file must be found out by whoever reads it back, since
  /// nobody has read it yet.
  func mayRot(_ attempt: AttemptID) -> Bool {
    guard !committedJobs.contains(attempt.job) else { return false }
    for attempt in given[attempt.job] ?? [] { excused.insert(attempt) }
    return !readAttempts.contains(attempt)
  }

  /// Somebody reads an attempt's file at this moment.
  func reads(_ attempt: AttemptID) { readAttempts.insert(attempt) }

  private var readAttempts: Set<AttemptID> = []

  // MARK: Coordinators

  func opened(_ ledger: JobLedger, others: [SimulatedCoordinator], takesOver: Bool) {
    check(
      7,
      takesOver || others.isEmpty || !weather.disk.hasLocks || weather.disk.isNetwork
        || others.allSatisfy { $0.pausedUntil > 0 },
      "epoch \(ledger.epoch) begins beside a coordinator that lives")
    check(7, ledger.epoch > highestEpoch, "epoch \(ledger.epoch) after epoch \(highestEpoch)")
    highestEpoch = max(highestEpoch, ledger.epoch)
    // What recovery set aside is not committed any more.
    for setAside in ledger.setAside { revokes(setAside.job) }
  }

  func starts(_ number: Int, _ epoch: UInt64, _ facts: [JobFacts]) {
    lives[number] = Life(epoch: epoch)
    check(
      5, committedJobs.allSatisfy { facts[$0].isCommitted },
      "jobs \(committedJobs.sorted()) were committed, and some are not found")
    // What the one before had under way may be repeated, unless it is adopted.
    for (job, attempts) in given where !committedJobs.contains(job) {
      excused.formUnion(attempts)
    }
  }

  func coordinatorDied(_ number: Int) {
    for attempts in given.values { excused.formUnion(attempts) }
  }

  func told(
    _ event: CoordinatorMachine.Event, _ directives: [CoordinatorMachine.Directive],
    by number: Int
  ) {
    guard case .message(.result(let task, _, _), let envelope, let id) = event,
      let life = lives[number], envelope.epoch <= life.epoch
    else { return }
    let isSettled = directives.contains { directive in
      if case .send(.settled(task), _, id) = directive { true } else { false }
    }
    check(9, isSettled, "the result of \(task) is not settled")
  }

  // MARK: Words (I5, I8, I9)

  func hears(_ message: WorkerMessage, _ envelope: Envelope, from id: WorkerID, by number: Int) {
    guard var life = lives[number] else { return }
    if case .hello(let introduction, _) = message {
      life.names["\(introduction.host)/\(introduction.processID)"] = id
    }
    if envelope.sequence > life.sequence[id] ?? 0, envelope.epoch == life.epoch {
      switch message {
      case .progress(_, _, _, _, let credit), .result(_, _, let credit): life.credit[id] = credit
      default: break
      }
    }
    life.sequence[id] = max(envelope.sequence, life.sequence[id] ?? 0)
    lives[number] = life
  }

  func says(
    _ message: CoordinatorMessage, to id: WorkerID, by number: Int, workers: [SimulatedWorker]
  ) {
    guard case .assign(let assignment) = message else { return }
    guard case .merge(let attempt, _, _) = assignment else { return }
    if let owner = owners[attempt] {
      return check(9, owner == id, "\(attempt) is given to two workers")
    }
    owners[attempt] = id
    if let worker = workers.first(where: { $0.life == id.life }) {
      check(
        8, worker.lie != nil || worker.memoryByteCount >= weather.jobMemory[attempt.job],
        "\(attempt) does not fit worker \(worker.index)")
    }
    let credit = (lives[number]?.credit[id] ?? 0) - 1
    lives[number]?.credit[id] = credit
    check(
      8, credit >= 0 || weather.liars.contains { $0 != nil }, "\(attempt) is beyond what was asked")
    // What one that was replaced and does not know it yet hands out is nobody's promise.
    guard lives[number]?.epoch == highestEpoch else {
      excused.insert(attempt)
      given[attempt.job, default: []].append(attempt)
      return
    }
    check(5, !committedJobs.contains(attempt.job), "\(attempt) is given out, and committed")
    let earlier = (given[attempt.job] ?? []).filter { !excused.contains($0) }
    let audited = weather.auditPercent > 0 ? 2 : 1
    check(
      5, earlier.count < audited || disputed.contains(attempt.job),
      "\(attempt) is given out beside \(earlier) without a reason")
    given[attempt.job, default: []].append(attempt)
  }

  // MARK: History (I10, I11)

  func noted(_ note: CoordinatorMachine.Note, by number: Int) {
    switch note.kind {
    case .left:
      lives[number]?.hasLeft.insert(note.worker)
      excuseAll(of: note.worker, number)
    case .died:
      guard let attempt = note.attempt else { return }
      losses[attempt.job, default: 0] += 1
      check(
        10, !(lives[number]?.hasLeft.contains(note.worker) ?? false),
        "\(attempt) is charged with \(note.worker), which left")
    case .failed, .mismatch: excuse(note.attempt) { failures[$0, default: 0] += 1 }
    case .disputed: excuse(note.attempt) { disputed.insert($0) }
    case .copied, .withdrawn, .handedBack, .declined, .cancelled, .adopted, .still:
      excuse(note.attempt) { _ in }
    case .lost, .barred, .away: excuseAll(of: note.worker, number)
    case .quarantined:
      guard let job = note.attempt?.job else { return }
      let isEnough =
        failures[job] ?? 0 >= 2 || losses[job] ?? 0 >= 3 || disputed.contains(job)
      check(11, isEnough, "job \(job) is given up too early: \(note.text)")
    default: break
    }
  }

  private func excuseAll(of worker: String, _ number: Int) {
    let id = lives[number]?.names[worker]
    for (attempt, owner) in owners where owner == id { excused.insert(attempt) }
  }

  private func excuse(_ attempt: AttemptID?, _ count: (Int) -> Void) {
    guard let attempt else { return }
    excused.insert(attempt)
    count(attempt.job)
  }

  func ended(_ end: CoordinatorMachine.End, by number: Int, isHealed: Bool) {
    for attempts in given.values { excused.formUnion(attempts) }
  }

  // MARK: Workers (I7)

  func workerStarts(_ worker: SimulatedWorker) { epochsMet[worker.life] = 0 }

  func epoch(of worker: SimulatedWorker) -> UInt64 { epochsMet[worker.life] ?? 0 }

  func told(
    _ worker: SimulatedWorker, _ event: WorkerMachine.Event,
    _ directives: [WorkerMachine.Directive], under epoch: UInt64?
  ) {
    guard case .message(let message, let envelope) = event else { return }
    let met = epochsMet[worker.life] ?? 0
    check(
      7, epoch ?? met >= met || directives.allSatisfy(Self.isOfItsOwn),
      "worker \(worker.index) obeys epoch \(epoch ?? 0) after epoch \(met)")
    let starts = directives.contains { if case .start = $0 { true } else { false } }
    if starts, case .assign(let assignment) = message {
      check(
        7,
        envelope.epoch >= met && (assignment.kind == .readBack || assignment.attempt.epoch >= met),
        "worker \(worker.index) obeys epoch \(assignment.attempt.epoch) after epoch \(met)")
    }
    if case .welcome = message { epochsMet[worker.life] = max(met, envelope.epoch) }
  }

  /// True for what a worker does because time goes by, whatever it hears.
  private static func isOfItsOwn(_ directive: WorkerMachine.Directive) -> Bool {
    switch directive {
    case .send(.goodbye, _), .exit: true
    default: false
    }
  }

  func ends(_ worker: SimulatedWorker, _ assignment: Assignment, _ outcome: Outcome) {}

  /// Whatever befalls a worker excuses what it has in hand.
  func disturbs(_ worker: SimulatedWorker) {
    for (attempt, owner) in owners where owner.life == worker.life { excused.insert(attempt) }
  }

  func dies(_ worker: SimulatedWorker) { disturbs(worker) }

  func exits(_ worker: SimulatedWorker, _ reason: WorkerExit) { disturbs(worker) }

  /// True from the second time on that a worker says a result.
  func isRepeated(_ message: WorkerMessage, by worker: SimulatedWorker) -> Bool {
    guard case .result(let task, _, _) = message else { return false }
    return !saidResults.insert("\(worker.life) \(task.kind) \(task.attempt)").inserted
  }

  // MARK: The end (I1, I2, I13)

  func verdict(on disk: SimulatedDisk) -> String? {
    check(1, disk.names(merge.output) != nil, "the merge is finished and has no output")
    check(2, output.isComplete(on: disk), "the output is \(disk.names(merge.output) ?? [])")
    let left = disk.names(Path.parent(merge.output)) ?? []
    check(13, left == ["base", "out"], "\(left) are left")
    return broken
  }
}
