// From a chosen claim to a commit: read back by another worker, compared, recorded.
import Messaging
import Planning

extension CoordinatorMachine {
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
      if let reader, reader != id { cancelReadBack(of: attempt.job) }
      if byteCount == claim.byteCount, digest == claim.digest {
        note(.readBack, attempt, worker: id, text: digest)
        for doubt in claim.doubts { misread(doubt, attempt.job) }
        commit(claim, readBackBy: roster.label(id))
      } else {
        doubt(claim, found: "\(digest), \(byteCount) bytes", by: id)
      }
    case .handedBack, .declined:
      note(.handedBack, attempt, worker: id)
      if reader == id { change(attempt.job) { $0.state = .written(claim) } }
    case .failed(let failure):
      guard reader == id else { return }
      guard failure.cause == .noSpace else {
        return doubt(claim, found: failure.reason, by: id)
      }
      change(attempt.job) { $0.state = .written(claim) }
      runOutOfSpace(failure.reason)
    case .merged:
      if reader == id { doubt(claim, found: "it answered with a merge", by: id) }
    }
  }

  /// A reader found other bytes: another one is asked, where there is one. Two readers against the
  /// writer, and the attempt is rejected.
  private mutating func doubt(_ claim: Claim, found: String, by id: WorkerID) {
    var claim = claim
    let doubt = Claim.Doubt(reader: id, found: found)
    note(.mismatch, claim.attempt, worker: id, text: reason(of: doubt, claim))
    claim.doubts.append(doubt)
    if claim.doubts.count == 1, id != claim.writer, hasOtherReader(claim) {
      return change(claim.attempt.job) { $0.state = .written(claim) }
    }
    disbelieve(claim, doubt)
  }

  /// Doubted claims that nobody is left to judge.
  mutating func watchDoubts() {
    for id in jobs.written {
      guard roster.liveCount > 0, case .written(let claim) = jobs[id].state,
        let doubt = claim.doubts.last, !hasOtherReader(claim)
      else { continue }
      disbelieve(claim, doubt)
    }
  }

  private mutating func disbelieve(_ claim: Claim, _ doubt: Claim.Doubt) {
    change(claim.attempt.job) { job in
      job.state = .open
      job.claims.removeAll { $0.attempt == claim.attempt }
    }
    // One word against another: both are avoided, and none is blamed.
    let isClear = claim.doubts.count > 1
    let isAlone = isClear || doubt.reader == claim.writer
    reject(
      claim.attempt,
      Failed(
        by: isAlone ? [claim.writer] : [claim.writer, doubt.reader], reason(of: doubt, claim),
        isBlamed: isClear))
  }

  private func reason(of doubt: Claim.Doubt, _ claim: Claim) -> String {
    "\(roster.label(claim.writer)) wrote \(claim.digest), \(claim.byteCount) bytes, "
      + "but \(roster.label(doubt.reader)) read back \(doubt.found)"
  }

  /// A reader that stands alone with what it found: the fault is its own.
  private mutating func misread(_ doubt: Claim.Doubt, _ job: Int) {
    strike(
      roster.host(doubt.reader),
      "\(roster.label(doubt.reader)) misread \(jobs[job].facts.shardName)")
  }

  mutating func cancelReadBack(of job: Int) {
    guard case .readingBack(let claim, let reader) = jobs[job].state else { return }
    change(job) { $0.state = .written(claim) }
    guard let slot = roster.slot(of: reader) else { return }
    let task = TaskID(.readBack, claim.attempt)
    _ = roster.change(slot) { $0.release(task) }
    send(.cancel(task), to: reader)
  }

  mutating func commit(_ claim: Claim, readBackBy: String = "") {
    change(claim.attempt.job) { $0.state = .committing(claim) }
    diskPending += 1
    directives.append(.commit(claim.attempt, readBackBy: readBackBy))
  }

  mutating func committed(_ attempt: AttemptID) {
    let id = attempt.job
    guard case .committing(let claim) = jobs[id].state, claim.attempt == attempt else { return }
    note(.committed, attempt, worker: claim.writer)
    barrenDeaths = 0
    if let slot = roster.slot(of: claim.writer) {
      roster.change(slot) { $0.committedCount += 1 }
    }
    let unused = jobs[id].claims.filter { $0.attempt != attempt && $0.hasFile }.map(\.attempt)
    for attempt in unused + jobs[id].strays.map(\.attempt) { directives.append(.discard(attempt)) }
    let late = jobs[id].claims.first { $0.digest != claim.digest }
    change(id) { job in
      job.state = .committed
      job.strays = []
      job.claims = [claim]
    }
    credit(id, to: claim)
    if let late { revoke(id, claim, late) }
  }

  mutating func commitFailed(_ attempt: AttemptID, _ reason: String, noSpace: Bool) {
    guard case .committing = jobs[attempt.job].state else { return }
    note(.failed, attempt, text: reason)
    // What cannot be recorded cannot go on: the next coordinator looks at the disk anew.
    change(attempt.job) { job in
      job.state = .failed
      job.verdict = reason
    }
    if noSpace { runOutOfSpace(reason) } else { fail(reason) }
  }
}
