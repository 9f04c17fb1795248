// Taking, running, giving up and giving back tasks.
import Messaging
import Planning

extension WorkerMachine {
  mutating func take(_ assignment: Assignment, now: Int64) {
    let task = assignment.task
    let isKnown =
      held.contains(task) || (task.kind == .merge && finished.contains(task.attempt))
    // A stranger's attempt, or one more than was asked for: the report tells what is held.
    guard !isKnown, task.attempt.epoch == epoch || task.kind == .readBack, leaving == nil,
      running == nil || prefetched == nil
    else { return report(now: now) }
    guard isInTime(assignment, now: now) else {
      if task.kind == .merge { finish(task.attempt) }
      return settle(task, .declined, now: now)
    }
    if running == nil { start(assignment, now: now) } else { prefetched = assignment }
  }

  private mutating func start(_ assignment: Assignment, now: Int64) {
    guard let jobFolder else { return }
    running = Running(assignment: assignment, startedAt: now)
    directives.append(.start(assignment, jobFolder: jobFolder))
  }

  mutating func cancel(_ task: TaskID, now: Int64) {
    if task.kind == .merge { finish(task.attempt) }
    let before = held.count
    if isRunning(task) {
      running?.isForgotten = true
      halt()
    }
    if isFlushing(task) { flushing?.isForgotten = true }
    if prefetched?.task == task { prefetched = nil }
    unsettled.removeAll { $0.task == task }
    // Only a change is worth a word: a report that is answered by a cancel that is answered by a
    // report would never end.
    if held.count != before { report(now: now) }
  }

  /// The running merge is flushed beside what comes next.
  mutating func written(_ task: TaskID, now: Int64) {
    guard let written = running, isRunning(task), flushing == nil else { return }
    flushing = written
    running = nil
    count(written, now: now)
    startPrefetched(now: now)
    report(now: now)
  }

  mutating func ended(_ task: TaskID, _ outcome: Outcome, now: Int64) {
    let ended: Running
    if let flushed = flushing, isFlushing(task) {
      ended = flushed
      flushing = nil
    } else if let ran = running, isRunning(task) {
      ended = ran
      running = nil
      if case .merged = outcome { count(ran, now: now) }
    } else {
      return
    }
    if task.kind == .merge { finish(task.attempt) }
    var outcome = outcome
    if outcome == .handedBack, ended.isTooLong { outcome = .declined }
    startPrefetched(now: now)
    // The result says how much is wanted next; without one a report does.
    if ended.isForgotten { report(now: now) } else { settle(task, outcome, now: now) }
  }

  private mutating func startPrefetched(now: Int64) {
    guard running == nil, let next = prefetched else { return }
    prefetched = nil
    start(next, now: now)
  }

  /// Counts how fast a merge came to its last byte.
  private mutating func count(_ merge: Running, now: Int64) {
    guard case .merge(_, _, let byteCount) = merge.assignment else { return }
    mergedByteCount += byteCount
    mergedMilliseconds += max(1, now - merge.startedAt)
  }

  /// Tells an outcome now and again until it is acknowledged.
  private mutating func settle(_ task: TaskID, _ outcome: Outcome, now: Int64) {
    unsettled.append(Unsettled(task: task, outcome: outcome, sentAt: now))
    if contact == .joined { send(.result(task, outcome, credit: room)) }
  }

  private mutating func finish(_ attempt: AttemptID) {
    guard !finished.contains(attempt) else { return }
    if finished.count == 256 { finished.removeFirst() }
    finished.append(attempt)
  }

  /// Gives the waiting task back.
  mutating func handBackPrefetched(now: Int64) {
    guard let waiting = prefetched else { return }
    prefetched = nil
    if waiting.kind == .merge { finish(waiting.attempt) }
    settle(waiting.task, .handedBack, now: now)
  }
}
