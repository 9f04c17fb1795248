// Taking, running, giving up and giving back tasks.
import Messaging
import Planning

extension WorkerMachine {
  mutating func take(_ assignment: Assignment, now: Int64) {
    let attempt = assignment.attempt
    let isKnown =
      isRunning(assignment.kind, attempt)
      || (prefetched?.kind == assignment.kind && prefetched?.attempt == attempt)
      || unsettled.contains { $0.kind == assignment.kind && $0.attempt == attempt }
      || (assignment.kind == .merge && finished.contains(attempt))
    // A stranger's attempt, or one more than was asked for: the report tells what is held.
    if !isKnown, attempt.epoch == epoch, leaving == nil {
      if running == nil { start(assignment) } else if prefetched == nil { prefetched = assignment }
    }
    report(now: now)
  }

  private mutating func start(_ assignment: Assignment) {
    guard let jobFolder else { return }
    running = Running(assignment: assignment)
    directives.append(.start(assignment, jobFolder: jobFolder))
  }

  mutating func cancel(_ kind: Assignment.Kind, _ attempt: AttemptID, now: Int64) {
    if kind == .merge { finish(attempt) }
    let before = held.count
    if isRunning(kind, attempt) {
      running?.isForgotten = true
      halt()
    }
    if prefetched?.kind == kind, prefetched?.attempt == attempt { prefetched = nil }
    unsettled.removeAll { $0.kind == kind && $0.attempt == attempt }
    // Only a change is worth a word: a report that is answered by a cancel that is answered by a
    // report would never end.
    if held.count != before { report(now: now) }
  }

  mutating func ended(
    _ kind: Assignment.Kind, _ attempt: AttemptID, _ outcome: Outcome, now: Int64
  ) {
    guard let task = running, isRunning(kind, attempt) else { return }
    running = nil
    if kind == .merge { finish(attempt) }
    if !task.isForgotten { settle(kind, attempt, outcome, now: now) }
    if let next = prefetched {
      prefetched = nil
      start(next)
    }
    report(now: now)
  }

  /// Tells an outcome now and again until it is acknowledged.
  private mutating func settle(
    _ kind: Assignment.Kind, _ attempt: AttemptID, _ outcome: Outcome, now: Int64
  ) {
    unsettled.append(Unsettled(kind: kind, attempt: attempt, outcome: outcome, sentAt: now))
    if contact == .joined { send(.result(kind, attempt, outcome)) }
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
    settle(waiting.kind, waiting.attempt, .handedBack, now: now)
  }
}
