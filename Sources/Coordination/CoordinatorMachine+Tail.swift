// Copies of late jobs, at the tail only: when nothing else is left to hand out, an idle worker may
// begin a second merge of a job that its rate says will be late (LATE, OSDI 2008: by the time that
// remains, not by the time that went by). The first result is taken, the other is cancelled; that
// both give the same bytes makes the race harmless. A late read-back moves to the idle worker.
import Messaging
import Planning

extension CoordinatorMachine {
  /// A task under way that another worker might overtake.
  private struct Late {
    var job: Int
    var owner: Int
    /// Milliseconds that it still needs.
    var remaining: Int64
    var isStill: Bool
  }

  /// Begins copies while idle workers and late jobs are left: the latest first, each by the worker
  /// that will be done with it soonest.
  mutating func copyAtTail() {
    guard jobs.written.isEmpty, let idle = roster.ready.first, !idle.isEmpty else { return }
    let usual = usualRate
    for late in lateTasks(.readBack) { moveReadBack(late, usual) }
    for late in lateTasks(.merge) {
      guard let slot = copier(of: late, usual) else { continue }
      let job = late.job
      copiedByteCount += jobs[job].facts.byteCount
      note(.copied, jobs[job].tries[0].attempt, worker: roster[slot].id, text: "it will be late")
      change(job) { $0.hasCopy = true }
      merge(job, slot)
    }
  }

  /// Merges that may have a copy, or read-backs that may be moved; the latest first.
  private func lateTasks(_ kind: Assignment.Kind) -> [Late] {
    var all: [Late] = []
    for owner in roster.slots where roster[owner].standing != .gone {
      guard let held = roster[owner].current, held.task.kind == kind else { continue }
      let job = jobs[held.attempt.job]
      guard kind == .readBack || mayBeCopied(job),
        let remaining = remaining(held, job.facts.byteCount),
        remaining > settings.copyGainMilliseconds
      else { continue }
      all.append(
        Late(job: job.facts.id, owner: owner, remaining: remaining, isStill: held.isStill))
    }
    return all.sorted { ($1.remaining, $0.owner) < ($0.remaining, $1.owner) }
  }

  private func mayBeCopied(_ job: JobEntry) -> Bool {
    job.state == .open && !job.hasCopy && job.wanted == 1 && job.tries.count == 1
      && job.checking.isEmpty && !isSuspected(job.facts.id)
  }

  /// The idle worker that would be done first with a copy; nil where all gain too little.
  private func copier(of late: Late, _ usual: Rate?) -> Int? {
    guard late.isStill || isWithinCopies(jobs[late.job].facts.byteCount) else { return nil }
    let faster = faster(than: late, usual)
    guard !faster.isEmpty else { return nil }
    let best = bestRank(for: late.job)
    return faster.first { mayMerge(late.job, $0, bestRank: best) }
  }

  /// Gives a read-back to an idle worker that will be done with it sooner: reading writes nothing,
  /// so no race is needed.
  private mutating func moveReadBack(_ late: Late, _ usual: Rate?) {
    guard case .readingBack(let claim, let reader) = jobs[late.job].state,
      reader == roster[late.owner].id
    else { return }
    let slot = faster(than: late, usual).first { slot in
      mayRead(claim, slot) && !claim.readers.contains(roster[slot].id)
    }
    guard let slot else { return }
    note(.withdrawn, claim.attempt, worker: reader, text: "another will have read it sooner")
    cancelReadBack(of: late.job)
    readBack(late.job, claim, slot)
  }

  /// Idle workers that would gain enough by doing a late task anew, the fastest first.
  private func faster(than late: Late, _ usual: Rate?) -> [Int] {
    let byteCount = jobs[late.job].facts.byteCount
    var able: [(slot: Int, expected: Int64)] = []
    for slot in roster.ready[0] where slot != late.owner {
      guard let rate = rate(slot) ?? usual ?? (late.isStill ? .boundless : nil) else { continue }
      let expected = rate.milliseconds(for: byteCount)
      let gain = expected * settings.copyGainPercent / 100 + settings.copyGainMilliseconds
      if late.remaining > gain { able.append((slot, expected)) }
    }
    return able.sorted { ($0.expected, $0.slot) < ($1.expected, $1.slot) }.map(\.slot)
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
    return Rate(held.byteCount, in: elapsed)?.milliseconds(
      for: max(0, byteCount - held.byteCount))
  }

  // MARK: Rates

  /// What a worker has merged so far; nil where it has merged nothing yet.
  func rate(_ slot: Int) -> Rate? {
    Rate(roster[slot].mergedByteCount, in: roster[slot].mergedMilliseconds)
  }

  /// What all workers have merged so far.
  var usualRate: Rate? {
    var bytes: Int64 = 0
    var milliseconds: Int64 = 0
    for entry in roster.entries {
      bytes += entry.mergedByteCount
      milliseconds += entry.mergedMilliseconds
    }
    return Rate(bytes, in: milliseconds)
  }
}

/// How fast merges go.
struct Rate: Equatable, Sendable {
  /// Anything is done at once.
  static let boundless = Rate(bytesPerMillisecond: .infinity)

  var bytesPerMillisecond: Double

  private init(bytesPerMillisecond: Double) { self.bytesPerMillisecond = bytesPerMillisecond }

  /// Nil where nothing was done, or in no time.
  init?(_ byteCount: Int64, in milliseconds: Int64) {
    guard byteCount > 0, milliseconds > 0 else { return nil }
    bytesPerMillisecond = Double(byteCount) / Double(milliseconds)
  }

  func milliseconds(for byteCount: Int64) -> Int64 {
    Int64(clamping: Int(min(Double(byteCount) / bytesPerMillisecond, 1e15)))
  }
}
