// From a worker's word about a merge to a claim that is as good as its bytes, and to the choice of
// the claim that is committed: the first one, the two that agree where the job is audited, or the
// two of three where two workers made different bytes (`+Disputes`).
import Messaging
import Planning

extension CoordinatorMachine {
  mutating func mergeEnded(
    _ attempt: AttemptID, _ outcome: Outcome, by slot: Int, _ held: HeldTask?
  ) {
    let id = roster[slot].id
    guard takeTry(attempt, of: id) else { return hearLate(attempt, outcome, by: id) }
    switch outcome {
    case .merged(let byteCount, let digest, let recordDigest):
      note(.merged, attempt, worker: id, text: digest)
      measure(held, slot)
      let claim = Claim(attempt: attempt, writer: id, byteCount: byteCount, digest: digest)
      change(attempt.job) { $0.checking.append(claim) }
      diskPending += 1
      directives.append(
        .check(attempt, byteCount: byteCount, digest: digest, recordDigest: recordDigest))
    case .handedBack:
      note(.handedBack, attempt, worker: id)
      directives.append(.discard(attempt))
      change(attempt.job) { $0.begun -= 1 }
    case .declined:
      note(.declined, attempt, worker: id, text: "its time ends before the shard would be done")
      directives.append(.discard(attempt))
      change(attempt.job) { $0.begun -= 1 }
      let byteCount = jobs[attempt.job].facts.byteCount
      roster.change(slot) {
        $0.declinedByteCount = min($0.declinedByteCount ?? .max, byteCount)
      }
    case .failed(let failure): mergeFailed(attempt, failure, by: id)
    case .readBack:
      reject(attempt, Failed(by: [id], "it answered a merge with a read-back"))
    }
  }

  /// Removes the try that a result answers; also one given up as lost, whose job is still open.
  private mutating func takeTry(_ attempt: AttemptID, of id: WorkerID) -> Bool {
    let job = jobs[attempt.job]
    if job.tries.contains(where: { $0.attempt == attempt && $0.worker == id }) {
      change(attempt.job) { $0.tries.removeAll { $0.attempt == attempt } }
      return true
    }
    guard job.state == .open, job.checking.count + job.claims.count < job.wanted,
      job.strays.contains(where: { $0.attempt == attempt && ($0.worker ?? id) == id })
    else { return false }
    change(attempt.job) { job in
      job.strays.removeAll { $0.attempt == attempt }
      job.begun += 1
    }
    note(.adopted, attempt, worker: id)
    return true
  }

  /// How fast a worker is, for the tail.
  private mutating func measure(_ held: HeldTask?, _ slot: Int) {
    guard let held, let startedAt = held.startedAt, now > startedAt else { return }
    let byteCount = jobs[held.attempt.job].facts.byteCount
    roster.change(slot) { entry in
      entry.mergedByteCount += byteCount
      entry.mergedMilliseconds += now - startedAt
    }
  }

  private mutating func mergeFailed(
    _ attempt: AttemptID, _ failure: TaskFailure, by id: WorkerID
  ) {
    switch failure.cause {
    case .noSpace:
      note(.failed, attempt, worker: id, text: failure.reason)
      directives.append(.discard(attempt))
      runOutOfSpace(failure.reason)
    case .input: reject(attempt, Failed(by: [id], failure.reason, isInput: true))
    case .storage: reject(attempt, Failed(by: [id], failure.reason))
    }
  }

  // MARK: Checks

  mutating func checked(_ attempt: AttemptID) {
    guard let claim = takeChecking(attempt) else { return }
    guard jobs[attempt.job].state == .open else {
      directives.append(.discard(attempt))
      return compare(claim)
    }
    change(attempt.job) { $0.claims.append(claim) }
    decide(attempt.job)
  }

  mutating func checkFailed(_ attempt: AttemptID, _ reason: String) {
    guard let claim = takeChecking(attempt) else { return }
    reject(attempt, Failed(by: [claim.writer], reason))
  }

  private mutating func takeChecking(_ attempt: AttemptID) -> Claim? {
    change(attempt.job) { job in
      guard let at = job.checking.firstIndex(where: { $0.attempt == attempt }) else { return nil }
      return job.checking.remove(at: at)
    }
  }

  // MARK: Agreement

  /// Chooses the claim to commit, once enough of them agree.
  mutating func decide(_ id: Int) {
    let job = jobs[id]
    guard job.state == .open, let first = job.claims.first else { return }
    if job.wanted < 3, job.claims.contains(where: { $0.digest != first.digest }) {
      return dispute(id)
    }
    if job.wanted < 3 {
      if job.claims.count >= job.wanted { choose(first, of: id) }
      return
    }
    let chosen = job.claims.first { claim in
      claim.hasFile && job.claims.count { $0.digest == claim.digest } > 1
    }
    if let chosen { return settle(chosen, of: id) }
    guard job.claims.count >= job.wanted else { return }
    giveUp(id, "three workers made three different shards: \(witnesses(job.claims))")
  }

  mutating func choose(_ claim: Claim, of id: Int) {
    dropTries(of: id, "another was first")
    guard settings.readsBack else { return commit(claim) }
    change(id) { $0.state = .written(claim) }
  }

  /// Cancels what else is under way for a job.
  mutating func dropTries(of id: Int, _ reason: String) {
    for merge in jobs[id].tries {
      directives.append(.discard(merge.attempt))
      change(id) { $0.losers.append(merge) }
      guard let slot = roster.slot(of: merge.worker) else { continue }
      let task = TaskID(.merge, merge.attempt)
      _ = roster.change(slot) { $0.release(task) }
      note(.cancelled, merge.attempt, worker: merge.worker, text: reason)
      send(.cancel(task), to: merge.worker)
    }
    change(id) { $0.tries = [] }
  }
}
