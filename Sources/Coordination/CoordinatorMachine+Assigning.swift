// Who gets what. A worker holds at most one running and one prefetched task. Read-backs go before
// merges, so that shards finish; the largest merge goes first, ties by id; idle workers are served
// before busy ones prefetch, and take over what lies unstarted with another.
import Messaging
import Planning
import Storage

extension CoordinatorMachine {
  /// Gives out everything that can be given out now.
  mutating func assign(now: Int64) {
    guard dismissedAt == nil, !isPublishing else { return }
    for load in 0..<settings.tasksPerWorkerMax {
      for index in roster.indices {
        if jobs.pending.isEmpty && jobs.written.isEmpty { break }
        if hasRoom(index), roster[index].load == load { _ = give(index, now: now) }
      }
    }
    for index in roster.indices where hasRoom(index) && roster[index].load == 0 {
      if withdrawForIdle(index) { _ = give(index, now: now) }
    }
  }

  private func hasRoom(_ index: Int) -> Bool {
    roster[index].isLive && roster[index].credit > 0
  }

  /// Gives a worker its next task; false where there is none for it.
  private mutating func give(_ index: Int, now: Int64) -> Bool {
    let id = roster[index].id
    if let job = jobs.written.first(where: { mayReadBack($0, id) }),
      case .written(var claim) = jobs[job].state
    {
      if !claim.readers.contains(id) { claim.readers.append(id) }
      jobs.move(job, to: .readingBack(claim, reader: id))
      hold(index, .readBack, claim.attempt, now: now)
      return true
    }
    guard ending == nil, let job = jobs.pending.last(where: { mayMerge($0, id) }) else {
      return false
    }
    jobs[job].attempts += 1
    if jobs[job].attempts > 1 { retries += 1 }
    let attempt = AttemptID(job: job, epoch: settings.epoch, attempt: jobs[job].attempts)
    jobs.move(job, to: .merging(attempt, id))
    hold(index, .merge, attempt, now: now)
    return true
  }

  /// The writer reads its own shard back only where nobody else lives.
  private func mayReadBack(_ job: Int, _ id: WorkerID) -> Bool {
    guard case .written(let claim) = jobs[job].state else { return false }
    return claim.writer != id || roster.liveCount == 1
  }

  /// A worker that a job failed on gets it again only where nobody else lives.
  private func mayMerge(_ job: Int, _ id: WorkerID) -> Bool {
    let avoided = jobs[job].avoided
    guard avoided.contains(id) else { return true }
    return !roster.entries.contains { $0.isLive && !avoided.contains($0.id) }
  }

  private mutating func hold(
    _ index: Int, _ kind: Assignment.Kind, _ attempt: AttemptID, now: Int64
  ) {
    roster[index].credit -= 1
    roster[index].held.append(
      HeldTask(kind: kind, attempt: attempt, sentAt: now, advancedAt: now))
    invariant(
      roster[index].held.count <= settings.tasksPerWorkerMax, "\(roster[index]) is overloaded")
    note(.assigned, attempt, worker: roster[index].id, text: "\(kind)")
    send(.assign(assignment(kind, attempt)), to: roster[index].id)
  }

  /// Sends an assignment again that the worker does not know of yet.
  mutating func resend(_ index: Int, _ task: HeldTask, now: Int64) {
    guard dismissedAt == nil,
      let at = roster[index].held.firstIndex(where: {
        $0.kind == task.kind && $0.attempt == task.attempt
      })
    else { return }
    roster[index].held[at].sentAt = now
    send(.assign(assignment(task.kind, task.attempt)), to: roster[index].id)
  }

  private func assignment(_ kind: Assignment.Kind, _ attempt: AttemptID) -> Assignment {
    switch kind {
    case .merge: .merge(attempt, jobs[attempt.job].facts.slice)
    case .readBack: .readBack(attempt)
    }
  }

  /// Takes the largest unstarted task that this idle worker may do from a worker that is busy with
  /// another; false where there is none. Only from a worker with something left to do, so that no
  /// task wanders between idle ones.
  private mutating func withdrawForIdle(_ idle: Int) -> Bool {
    let id = roster[idle].id
    var best: (index: Int, task: HeldTask)?
    for index in roster.indices where index != idle && roster[index].held.count > 1 {
      guard let task = roster[index].held.last, task.attempt != roster[index].running,
        mayTakeOver(task, id)
      else { continue }
      let cost = jobs[task.attempt.job].facts.byteCount
      if let found = best, jobs[found.task.attempt.job].facts.byteCount >= cost { continue }
      best = (index, task)
    }
    guard let (index, task) = best else { return false }
    _ = roster[index].release(task.kind, task.attempt)
    note(.withdrawn, task.attempt, worker: roster[index].id, text: "an idle worker takes it")
    send(.cancel(task.kind, task.attempt), to: roster[index].id)
    takeBack(task)
    // Given out again at once, but nothing was tried: no retry.
    if task.kind == .merge { retries -= 1 }
    return true
  }

  private func mayTakeOver(_ task: HeldTask, _ id: WorkerID) -> Bool {
    switch (task.kind, jobs[task.attempt.job].state) {
    case (.merge, _): ending == nil && mayMerge(task.attempt.job, id)
    case (.readBack, .readingBack(let claim, _)): claim.writer != id
    default: false
    }
  }

  /// Makes a task that a worker held available again.
  mutating func takeBack(_ task: HeldTask) {
    let job = task.attempt.job
    switch (task.kind, jobs[job].state) {
    case (.merge, .merging(task.attempt, _)):
      directives.append(.discard(task.attempt))
      jobs.move(job, to: .pending)
    case (.readBack, .readingBack(let claim, _)) where claim.attempt == task.attempt:
      jobs.move(job, to: .written(claim))
    default: break
    }
  }
}
