// How a run ends: published, stopped on request, out of space, or incomplete. What is committed is
// kept in every case. Draining lets running work finish and gives out no merges; dismissing sends
// all workers home and waits for their goodbyes a moment.
import Messaging
import Planning

extension CoordinatorMachine {
  /// Someone asked to stop: running work is dropped. A publication under way is finished.
  mutating func stop(_ reason: String) {
    guard !isPublishing else { return }
    if ending == nil {
      ending = .stopped(reason: reason)
      note(.ending, text: reason)
    }
    dismissAll()
  }

  /// No merge is given out any more; what runs may finish.
  mutating func fail(_ reason: String) {
    switch ending {
    case nil: ending = .failed(reasons: [reason])
    case .failed(let reasons): ending = .failed(reasons: reasons + [reason])
    case .stopped, .finished: return
    }
    note(.ending, text: reason)
    cancelUnstarted()
  }

  /// The disk is full: the same, but running again goes on.
  mutating func runOutOfSpace(_ reason: String) {
    guard ending == nil else { return }
    ending = .stopped(reason: reason)
    note(.ending, text: reason)
    cancelUnstarted()
  }

  /// A later coordinator has the job: this one ends, and its workers are the other's.
  mutating func superseded(_ reason: String) {
    note(.ending, text: reason)
    isOver = true
    directives.append(.end(.failed(reasons: [reason])))
  }

  private mutating func cancelUnstarted() {
    for slot in roster.slots {
      let running = roster[slot].current?.task
      for held in roster[slot].held where held.task.kind == .merge && held.task != running {
        withdraw(held, from: slot, "the run ends")
      }
    }
  }

  /// Looks whether the next step towards the end is due.
  mutating func advance() {
    if jobs.isAllCommitted, ending == nil, !isPublishing {
      isPublishing = true
      diskPending += 1
      directives.append(.publish)
      dismissAll()
    }
    if jobs.isAllSettled, jobs.failedCount > 0, ending == nil { fail(verdicts) }
    if let desertion, ending == nil, !isPublishing, diskPending == 0, roster.liveCount == 0 {
      fail(desertion)
    }
    guard let ending else { return }
    if dismissedAt == nil, isDrained { dismissAll() }
    guard let dismissedAt, diskPending == 0 else { return }
    if roster.liveCount == 0 || now - dismissedAt >= settings.farewellMilliseconds {
      isOver = true
      directives.append(.end(ending))
    }
  }

  /// Of all jobs that were given up, and what there is all the same.
  private var verdicts: String {
    let reasons = jobs.entries.compactMap(\.verdict).joined(separator: "; ")
    return "incomplete: \(jobs.failedCount) of \(jobs.count) shards failed, "
      + "\(jobs.committedCount) are committed and kept: \(reasons)"
  }

  /// Nothing is under way that could still become a commit.
  private var isDrained: Bool {
    diskPending == 0 && roster.entries.allSatisfy { $0.held.isEmpty }
      && (jobs.written.isEmpty || roster.liveCount == 0)
  }

  private mutating func dismissAll() {
    guard dismissedAt == nil else { return }
    dismissedAt = now
    sendHome()
  }

  /// Says dismiss again to those who have not left.
  mutating func remind() {
    guard dismissedAt != nil, now - remindedAt >= settings.farewellMilliseconds / 6 else { return }
    sendHome()
  }

  private mutating func sendHome() {
    remindedAt = now
    for entry in roster.entries where entry.isLive { send(.dismiss, to: entry.id) }
  }
}
