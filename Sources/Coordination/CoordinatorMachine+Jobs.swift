// One job's way from a writer's word to a commit, and what happens when a step fails.
import Messaging
import Planning

extension CoordinatorMachine {
  /// What is claimed of an attempt that is written and not yet rejected.
  func claim(on attempt: AttemptID) -> Claim? {
    guard attempt.epoch == settings.epoch, jobs.entries.indices.contains(attempt.job) else {
      return nil
    }
    switch jobs[attempt.job].state {
    case .checking(let claim), .written(let claim), .readingBack(let claim, _),
      .committing(let claim):
      return claim.attempt == attempt ? claim : nil
    case .pending, .merging, .committed, .failed: return nil
    }
  }

  mutating func mergeEnded(_ attempt: AttemptID, _ outcome: Outcome, by id: WorkerID) {
    guard jobs[attempt.job].state == .merging(attempt, id) else { return }
    switch outcome {
    case .merged(let byteCount, let digest, let recordDigest):
      note(.merged, attempt, worker: id, text: digest)
      jobs.move(
        attempt.job,
        to: .checking(
          Claim(attempt: attempt, writer: id, byteCount: byteCount, digest: digest)))
      diskPending += 1
      directives.append(
        .check(attempt, byteCount: byteCount, digest: digest, recordDigest: recordDigest))
    case .handedBack:
      note(.handedBack, attempt, worker: id)
      directives.append(.discard(attempt))
      jobs.move(attempt.job, to: .pending)
    case .failed(let reason, let isFinal, let noSpace):
      failed(attempt, reason, on: [id], isFinal: isFinal, noSpace: noSpace)
    case .readBack:
      failed(attempt, "it answered a merge with a read-back", on: [id])
    }
  }

  mutating func checked(_ attempt: AttemptID) {
    guard case .checking(let claim) = jobs[attempt.job].state, claim.attempt == attempt else {
      return
    }
    if settings.readsBack { jobs.move(attempt.job, to: .written(claim)) } else { commit(claim) }
  }

  mutating func checkFailed(_ attempt: AttemptID, _ reason: String) {
    guard case .checking(let claim) = jobs[attempt.job].state, claim.attempt == attempt else {
      return
    }
    failed(attempt, reason, on: [claim.writer])
  }

  mutating func readBackEnded(_ attempt: AttemptID, _ outcome: Outcome, by id: WorkerID) {
    // Any worker that was ever asked may answer: a reader thought lost has read the same file.
    let reader: WorkerID?
    let claim: Claim
    switch jobs[attempt.job].state {
    case .readingBack(let found, let current): (claim, reader) = (found, current)
    case .written(let found): (claim, reader) = (found, nil)
    default: return
    }
    guard claim.attempt == attempt, claim.readers.contains(id) else { return }
    switch outcome {
    case .readBack(let byteCount, let digest):
      if let reader, reader != id { cancelReadBack(attempt, of: reader) }
      if byteCount == claim.byteCount, digest == claim.digest {
        note(.readBack, attempt, worker: id, text: digest)
        commit(claim, readBackBy: roster.label(id))
      } else {
        mismatch(claim, found: "\(digest), \(byteCount) bytes", by: id)
      }
    case .handedBack:
      note(.handedBack, attempt, worker: id)
      if reader == id { jobs.move(attempt.job, to: .written(claim)) }
    case .failed(let reason, let isFinal, let noSpace):
      if reader == id {
        failed(attempt, reason, on: [id, claim.writer], isFinal: isFinal, noSpace: noSpace)
      }
    case .merged:
      if reader == id { failed(attempt, "it answered a read-back with a merge", on: [id]) }
    }
  }

  private mutating func cancelReadBack(_ attempt: AttemptID, of id: WorkerID) {
    guard let index = roster.index(of: id) else { return }
    _ = roster[index].release(.readBack, attempt)
    send(.cancel(.readBack, attempt), to: id)
  }

  private mutating func commit(_ claim: Claim, readBackBy: String = "") {
    jobs.move(claim.attempt.job, to: .committing(claim))
    diskPending += 1
    directives.append(.commit(claim.attempt, readBackBy: readBackBy))
  }

  mutating func committed(_ attempt: AttemptID) {
    guard case .committing(let claim) = jobs[attempt.job].state, claim.attempt == attempt else {
      return
    }
    note(.committed, attempt, worker: claim.writer)
    if let index = roster.index(of: claim.writer) { roster[index].committedCount += 1 }
    jobs.move(attempt.job, to: .committed)
  }

  mutating func commitFailed(_ attempt: AttemptID, _ reason: String, noSpace: Bool) {
    guard case .committing = jobs[attempt.job].state else { return }
    jobs.move(attempt.job, to: .failed)
    note(.failed, attempt, text: reason)
    if noSpace { runOutOfSpace(reason) } else { fail(reason) }
  }

  private mutating func mismatch(_ claim: Claim, found: String, by reader: WorkerID) {
    let attempt = claim.attempt
    let reason =
      "\(roster.label(claim.writer)) wrote \(claim.digest), \(claim.byteCount) bytes, "
      + "but \(roster.label(reader)) read back \(found)"
    note(.mismatch, attempt, worker: reader, text: reason)
    jobs[attempt.job].mismatches += 1
    failed(
      attempt, reason, on: [claim.writer, reader],
      isFinal: jobs[attempt.job].mismatches >= settings.mismatchesMax)
  }

  /// Rejects an attempt. The job is tried again, on others if there are others, unless that is
  /// pointless or was done often enough.
  private mutating func failed(
    _ attempt: AttemptID, _ reason: String, on workers: [WorkerID], isFinal: Bool = false,
    noSpace: Bool = false
  ) {
    let job = attempt.job
    note(.failed, attempt, worker: workers.first, text: reason)
    directives.append(.discard(attempt))
    if noSpace {
      jobs.move(job, to: .pending)
      return runOutOfSpace(reason)
    }
    jobs[job].failures += 1
    for id in workers where !jobs[job].avoided.contains(id) { jobs[job].avoided.append(id) }
    guard isFinal || jobs[job].failures >= settings.failuresMax else {
      return jobs.move(job, to: .pending)
    }
    jobs.move(job, to: .failed)
    let times = jobs[job].failures > 1 ? " (after \(jobs[job].failures) failures)" : ""
    let place = workers.first.map { " on \(roster.label($0))" } ?? ""
    fail("\(jobs[job].facts.shardName) failed\(place)\(times): \(reason)")
  }

  /// A worker was lost with this job in its hands.
  mutating func countLoss(_ attempt: AttemptID, worker: String) {
    let job = attempt.job
    jobs[job].losses += 1
    guard jobs[job].losses >= settings.lossesMax else { return }
    switch jobs[job].state {
    case .pending: jobs.move(job, to: .failed)
    case .written(let claim):
      directives.append(.discard(claim.attempt))
      jobs.move(job, to: .failed)
    default: return
    }
    fail(
      "\(jobs[job].facts.shardName) failed: \(jobs[job].losses) workers were lost while they "
        + "worked on it, \(worker) last")
  }
}
