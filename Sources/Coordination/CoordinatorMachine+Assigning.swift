// Who gets what. A worker holds at most one running and one prefetched task. Read-backs go before
// merges, so that shards finish; the largest merge goes first, ties by id; idle workers are served
// before busy ones prefetch, and take over what lies unstarted with another.
import Messaging
import Planning
import Storage

extension CoordinatorMachine {
  /// Gives out everything that can be given out now.
  mutating func assign() {
    guard dismissedAt == nil, !isPublishing else { return }
    for load in roster.ready.indices {
      for slot in roster.ready[load] {
        if jobs.pending.isEmpty && jobs.written.isEmpty { break }
        // A thousand workers that are all too small do not look through ten thousand jobs each.
        let isTooSmall = roster[slot].memoryByteCount < jobs.leastMemory
        if isTooSmall && jobs.written.isEmpty { continue }
        if !give(slot) { jobs.findLeastMemory() }
      }
    }
    guard roster.waitingCount > 0, let idle = roster.ready.first else { return }
    for slot in idle where takeOver(slot) { _ = give(slot) }
  }

  /// True where no merge waits for a worker: what idle workers do then is extra.
  var isEasy: Bool { jobs.pending.isEmpty && ending == nil && dismissedAt == nil }

  /// Gives a worker its next task; false where there is none for it.
  private mutating func give(_ slot: Int) -> Bool {
    if let job = jobs.written.first(where: { mayReadBack($0, slot) }),
      case .written(let claim) = jobs[job].state
    {
      readBack(job, claim, slot)
      return true
    }
    guard ending == nil, let job = jobs.pending.last(where: { mayMerge($0, slot) }) else {
      return false
    }
    if jobs[job].begun > 0, jobs[job].involved.isEmpty { retries += 1 }
    merge(job, slot)
    return true
  }

  /// Begins to read a written job's claim back on a worker.
  mutating func readBack(_ job: Int, _ claim: Claim, _ slot: Int) {
    let id = roster[slot].id
    var claim = claim
    if !claim.readers.contains(id) { claim.readers.append(id) }
    change(job) { $0.state = .readingBack(claim, reader: id) }
    hold(slot, TaskID(.readBack, claim.attempt))
  }

  /// Begins a merge of a job on a worker.
  mutating func merge(_ job: Int, _ slot: Int) {
    let id = roster[slot].id
    let isAlone = isSuspected(job)
    let epoch = settings.epoch
    let attempt = change(job) { entry in
      entry.attempts += 1
      entry.begun += 1
      let attempt = AttemptID(job: job, epoch: epoch, attempt: entry.attempts)
      entry.tries.append(Try(attempt: attempt, worker: id, isAlone: isAlone))
      return attempt
    }
    hold(slot, TaskID(.merge, attempt), isAlone: isAlone)
  }

  private mutating func hold(_ slot: Int, _ task: TaskID, isAlone: Bool = false) {
    let entry = roster.change(slot) { entry in
      entry.credit -= 1
      entry.held.append(HeldTask(task: task, sentAt: now, isAlone: isAlone, advancedAt: now))
      return entry
    }
    invariant(entry.held.count <= 2 * settings.tasksPerWorkerMax, "\(entry) is overloaded")
    note(.assigned, task.attempt, worker: entry.id, text: "\(task.kind)")
    send(.assign(assignment(task)), to: entry.id)
  }

  /// Sends an assignment again that the worker does not know of yet.
  mutating func resend(_ slot: Int, _ held: HeldTask) {
    guard dismissedAt == nil else { return }
    roster.change(slot) { entry in
      for at in entry.held.indices where entry.held[at].task == held.task {
        entry.held[at].sentAt = now
      }
    }
    send(.assign(assignment(held.task)), to: roster[slot].id)
  }

  private func assignment(_ task: TaskID) -> Assignment {
    let facts = jobs[task.attempt.job].facts
    return switch task.kind {
    case .merge: .merge(task.attempt, facts.slice, byteCount: facts.byteCount)
    case .readBack: .readBack(task.attempt)
    }
  }

  // MARK: Taking back

  /// Why a task is taken back from its worker.
  enum Return {
    /// Its worker is silent and may come back with it.
    case silence
    /// Its worker is gone for good.
    case death
    /// It moves no byte.
    case failure
    /// It was not begun.
    case unstarted
  }

  /// Makes a task that a worker held available again.
  mutating func takeBack(_ held: HeldTask, from id: WorkerID, _ reason: Return) {
    let attempt = held.attempt
    guard held.task.kind == .merge else {
      guard case .readingBack(let claim, let reader) = jobs[attempt.job].state,
        claim.attempt == attempt, reader == id
      else { return }
      return change(attempt.job) { $0.state = .written(claim) }
    }
    guard jobs[attempt.job].tries.contains(where: { $0.attempt == attempt && $0.worker == id })
    else { return }
    change(attempt.job) { job in
      job.tries.removeAll { $0.attempt == attempt }
      if reason == .silence { job.strays.append(Stray(attempt: attempt, worker: id)) }
      if reason == .unstarted { job.begun -= 1 }
    }
    if reason != .silence { directives.append(.discard(attempt)) }
    if reason == .failure { countFailure(attempt.job, Failed(by: [id], "no byte moved")) }
  }

  /// Takes a task that was not begun away from its worker.
  mutating func withdraw(_ held: HeldTask, from slot: Int, _ reason: String) {
    let id = roster[slot].id
    _ = roster.change(slot) { $0.release(held.task) }
    note(.withdrawn, held.attempt, worker: id, text: reason)
    send(.cancel(held.task), to: id)
    takeBack(held, from: id, .unstarted)
  }

  /// Takes the largest unstarted task that this idle worker may do from a worker that is busy with
  /// another; false where there is none. Only from a worker with something left to do, so that no
  /// task wanders between idle ones.
  private mutating func takeOver(_ idle: Int) -> Bool {
    var best: (slot: Int, held: HeldTask)?
    for slot in roster.slots where slot != idle && roster[slot].waitingCount > 0 {
      guard let held = roster[slot].held.last, held.task != roster[slot].current?.task,
        mayTakeOver(held, idle, from: slot)
      else { continue }
      let cost = jobs[held.attempt.job].facts.byteCount
      if let best, jobs[best.held.attempt.job].facts.byteCount >= cost { continue }
      best = (slot, held)
    }
    guard let best else { return false }
    withdraw(best.held, from: best.slot, "an idle worker takes it")
    return true
  }

  private func mayTakeOver(_ held: HeldTask, _ idle: Int, from slot: Int) -> Bool {
    switch (held.task.kind, jobs[held.attempt.job].state) {
    case (.merge, _):
      ending == nil && mayMerge(held.attempt.job, idle, insteadOf: roster[slot].id)
    case (.readBack, .readingBack(let claim, _)): mayRead(claim, idle)
    default: false
    }
  }
}
