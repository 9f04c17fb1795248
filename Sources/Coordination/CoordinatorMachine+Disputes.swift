// Two workers made different bytes of one job, which a deterministic merge cannot do: a third one
// settles it. A claim that comes too late is compared all the same, and other bytes reopen a job,
// even a committed one. Audits look for this on purpose.
import Messaging
import Planning

extension CoordinatorMachine {
  /// Two workers made different bytes of one job, which a deterministic merge cannot do.
  mutating func dispute(_ id: Int) {
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
    // Where two had agreed before the third differed, it is settled already.
    decide(id)
  }

  /// Two of three agree; the third one's host gets no more work.
  mutating func settle(_ chosen: Claim, of id: Int) {
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

  /// A result of a merge that is not wanted any more: its bytes are compared all the same.
  mutating func hearLate(_ attempt: AttemptID, _ outcome: Outcome, by id: WorkerID) {
    guard case .merged(let byteCount, let digest, _) = outcome,
      jobs[attempt.job].losers.contains(where: { $0.attempt == attempt && $0.worker == id })
    else { return }
    change(attempt.job) { $0.losers.removeAll { $0.attempt == attempt } }
    directives.append(.discard(attempt))
    compare(Claim(attempt: attempt, writer: id, byteCount: byteCount, digest: digest))
  }

  /// Holds a claim that came too late against the one that was first. Other bytes reopen the job,
  /// even a committed one.
  mutating func compare(_ late: Claim) {
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
    case .committed where !isPublishing: revoke(id, first, late)
    // Its commit is under way: looked at again when it is made.
    case .committing: change(id) { $0.claims.append(late) }
    case .open, .committed, .revoking, .failed: break
    }
  }

  /// Takes a job's commit back, since a late claim differs from the one that was committed.
  mutating func revoke(_ id: Int, _ first: Claim, _ late: Claim) {
    change(id) { job in
      job.state = .revoking
      job.claims = [first, late]
      job.claims[0].hasFile = false
    }
    diskPending += 1
    directives.append(.revoke(job: id))
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
      guard !hasCandidate(job, job.involved, orStill: true) else { continue }
      giveUp(
        id,
        "it was made with different bytes: \(witnesses(job.claims)), and no third worker is there "
          + "to settle it; one of these machines computes or stores wrongly: test both, then run "
          + "again with other workers")
    }
  }

  /// Audited jobs that nobody else can merge. What shall be compared is not committed uncompared.
  mutating func watchAudits() {
    for id in jobs.pending {
      let job = jobs[id]
      guard job.wanted == 2, !job.claims.isEmpty, job.tries.isEmpty, job.checking.isEmpty,
        now - job.queuedAt > settings.auditMilliseconds,
        !hasCandidate(job, job.involved, orStill: true)
      else { continue }
      giveUp(
        id,
        "it shall be merged twice and compared (--audit), and no second worker was there to do it "
          + "for \(settings.auditMilliseconds / 1000) s; run again with another worker")
    }
  }

  func witnesses(_ claims: [Claim]) -> String {
    claims.map { "\($0.digest) by \(roster.label($0.writer))" }.joined(separator: ", ")
  }
}
