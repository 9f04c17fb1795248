// From a worker's word about a merge to a claim that is as good as its bytes, and to the choice of
// the claim that is committed: the first one, the two that agree where the job is audited, or the
// two of three where two workers made different bytes.
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

  /// Two workers made different bytes of one job, which a deterministic merge cannot do.
  private mutating func dispute(_ id: Int) {
    let claims = jobs[id].claims
    note(
      .disputed, claims.last?.attempt, worker: claims.last?.writer,
      text: "\(jobs[id].facts.shardName) was made with different bytes: \(witnesses(claims)); "
        + "a third worker settles it")
    let since = now
    change(id) { job in
      job.wanted = 3
      job.disputedSince = since
    }
    dropTries(of: id, "its bytes are in dispute")
  }

  /// Two of three agree; the third one's host gets no more work.
  private mutating func settle(_ chosen: Claim, of id: Int) {
    for claim in jobs[id].claims where claim.digest != chosen.digest {
      note(
        .settled, claim.attempt, worker: claim.writer,
        text: "\(jobs[id].facts.shardName): two of three agree on \(chosen.digest); "
          + "\(roster.label(claim.writer)) made \(claim.digest)")
      if claim.hasFile { directives.append(.discard(claim.attempt)) }
      drain(
        roster.host(claim.writer),
        "\(roster.label(claim.writer)) made other bytes of \(jobs[id].facts.shardName) than two "
          + "others; test this machine")
    }
    change(id) { $0.claims.removeAll { $0.digest != chosen.digest } }
    choose(chosen, of: id)
  }

  private mutating func choose(_ claim: Claim, of id: Int) {
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

  /// A result of a merge that is not wanted any more: its bytes are compared all the same.
  private mutating func hearLate(_ attempt: AttemptID, _ outcome: Outcome, by id: WorkerID) {
    guard case .merged(let byteCount, let digest, _) = outcome,
      jobs[attempt.job].losers.contains(where: { $0.attempt == attempt && $0.worker == id })
    else { return }
    change(attempt.job) { $0.losers.removeAll { $0.attempt == attempt } }
    directives.append(.discard(attempt))
    compare(Claim(attempt: attempt, writer: id, byteCount: byteCount, digest: digest))
  }

  /// Holds a claim that came too late against the one that was first. Other bytes reopen the job,
  /// even a committed one.
  private mutating func compare(_ late: Claim) {
    let id = late.attempt.job
    var late = late
    late.hasFile = false
    let job = jobs[id]
    guard let first = job.claims.first, first.digest != late.digest else { return }
    switch job.state {
    case .written, .readingBack:
      cancelReadBack(of: id)
      change(id) { job in
        job.state = .open
        job.claims.append(late)
      }
      dispute(id)
    case .committed where !isPublishing:
      change(id) { job in
        job.state = .revoking
        job.claims = [first, late]
        job.claims[0].hasFile = false
      }
      diskPending += 1
      directives.append(.revoke(job: id))
    // Its commit is under way: looked at again when it is made.
    case .committing: change(id) { $0.claims.append(late) }
    case .open, .committed, .revoking, .failed: break
    }
  }

  mutating func revoked(_ id: Int) {
    guard jobs[id].state == .revoking else { return }
    change(id) { $0.state = .open }
    dispute(id)
  }

  mutating func revokeFailed(_ id: Int, _ reason: String) {
    guard jobs[id].state == .revoking else { return }
    giveUp(id, "\(witnesses(jobs[id].claims)); its commit cannot be taken back: \(reason)")
  }

  /// Disputes that wait for a third worker in vain.
  mutating func watchDisputes() {
    for id in jobs.pending {
      let job = jobs[id]
      guard job.wanted == 3, let since = job.disputedSince,
        now - since > settings.thirdMilliseconds
      else { continue }
      guard !hasCandidate(job, job.involved) else { continue }
      giveUp(
        id,
        "it was made with different bytes: \(witnesses(job.claims)), and no third worker is there "
          + "to settle it; one of these machines computes or stores wrongly: test both, then run "
          + "again with other workers")
    }
  }

  /// Audited jobs that nobody else can merge: after a while the first word stands.
  mutating func watchAudits() {
    for id in jobs.pending {
      let job = jobs[id]
      guard job.wanted == 2, let first = job.claims.first, job.tries.isEmpty,
        job.checking.isEmpty, now - job.queuedAt > settings.thirdMilliseconds,
        !hasCandidate(job, job.involved)
      else { continue }
      note(
        .unaudited, first.attempt, worker: first.writer,
        text: "\(job.facts.shardName) shall be merged twice, and no second worker is there to do "
          + "it; it stands on the word of one")
      change(id) { $0.wanted = 1 }
      choose(first, of: id)
    }
  }

  private func witnesses(_ claims: [Claim]) -> String {
    claims.map { "\($0.digest) by \(roster.label($0.writer))" }.joined(separator: ", ")
  }
}
