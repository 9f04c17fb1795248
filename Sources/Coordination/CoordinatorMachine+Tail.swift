// Copies of late jobs, at the tail only: when nothing else is left to hand out, an idle worker may
// begin a second merge of a job that its rate says will be late (LATE, OSDI 2008: by the time that
// remains, not by the time that went by). The first result is taken, the other is cancelled; that
// both give the same bytes makes the race harmless.
import Messaging
import Planning

extension CoordinatorMachine {
  /// Begins copies while idle workers and late jobs are left.
  mutating func copyAtTail() {
    guard jobs.written.isEmpty, !roster.ready.isEmpty, !roster.ready[0].isEmpty else { return }
    for slot in roster.ready[0] {
      guard let job = latestJob(for: slot) else { continue }
      copiedByteCount += jobs[job].facts.byteCount
      note(.copied, jobs[job].tries[0].attempt, worker: roster[slot].id, text: "it will be late")
      change(job) { $0.hasCopy = true }
      merge(job, slot)
    }
  }

  /// The job that an idle worker would gain most by copying; nil where it gains too little.
  private func latestJob(for slot: Int) -> Int? {
    var best: (job: Int, remaining: Int64)?
    for owner in roster.slots where owner != slot && roster[owner].standing != .gone {
      guard let held = roster[owner].current, held.task.kind == .merge else { continue }
      let job = jobs[held.attempt.job]
      guard job.state == .open, !job.hasCopy, job.wanted == 1, job.tries.count == 1,
        job.checking.isEmpty, !isSuspected(job.facts.id), mayMerge(job.facts.id, slot),
        let remaining = remaining(held, job.facts.byteCount),
        let expected = expected(job.facts.byteCount, on: slot) ?? (held.isStill ? 0 : nil)
      else { continue }
      let gain = expected * settings.copyGainPercent / 100 + settings.copyGainMilliseconds
      guard remaining > gain, remaining > best?.remaining ?? 0 else { continue }
      guard held.isStill || isWithinCopies(job.facts.byteCount) else { continue }
      best = (job.facts.id, remaining)
    }
    return best?.job
  }

  private func isWithinCopies(_ byteCount: Int64) -> Bool {
    copiedByteCount + byteCount <= jobs.byteCount / 100 * settings.copiedPercentMax
  }

  /// Milliseconds that a running merge still needs at its rate so far; nil where it has none yet.
  private func remaining(_ held: HeldTask, _ byteCount: Int64) -> Int64? {
    guard let startedAt = held.startedAt else { return nil }
    if held.isStill { return .max }
    // The time of the last step, too, where that is long ago: a rate that falls is a rate.
    let elapsed = max(now, held.advancedAt) - startedAt
    guard held.byteCount > 0, elapsed > 0 else { return nil }
    let rate = Double(held.byteCount) / Double(elapsed)
    return Int64(Double(max(0, byteCount - held.byteCount)) / rate)
  }

  /// Milliseconds that a worker would need for so many bytes, from what it or all have done.
  private func expected(_ byteCount: Int64, on slot: Int) -> Int64? {
    var bytes = roster[slot].mergedByteCount
    var milliseconds = roster[slot].mergedMilliseconds
    if bytes == 0 || milliseconds == 0 {
      bytes = roster.entries.reduce(0) { $0 + $1.mergedByteCount }
      milliseconds = roster.entries.reduce(0) { $0 + $1.mergedMilliseconds }
    }
    guard bytes > 0 else { return nil }
    return Int64(Double(byteCount) * Double(milliseconds) / Double(bytes))
  }
}
