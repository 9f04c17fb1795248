// How a run ends: published, stopped on request, out of space, or failed. What is committed is kept
// in every case. Draining lets running work finish and gives out no merges; dismissing sends all
// workers home and waits for their goodbyes a moment.
import Messaging
import Planning

extension CoordinatorMachine {
  /// Someone asked to stop: running work is dropped. A publication under way is finished.
  mutating func stop(_ reason: String, now: Int64) {
    guard !isPublishing else { return }
    if ending == nil {
      ending = .stopped(reason: reason)
      note(.ending, text: reason)
    }
    dismissAll(now: now)
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

  private mutating func cancelUnstarted() {
    for index in roster.indices {
      for task in roster[index].held
      where task.kind == .merge && task.attempt != roster[index].running {
        _ = roster[index].release(.merge, task.attempt)
        send(.cancel(.merge, task.attempt), to: roster[index].id)
        takeBack(task)
      }
    }
  }

  /// Looks whether the next step towards the end is due.
  mutating func advance(now: Int64) {
    if jobs.isAllCommitted, ending == nil, !isPublishing {
      isPublishing = true
      diskPending += 1
      directives.append(.publish)
      dismissAll(now: now)
    }
    if let desertion, ending == nil, !isPublishing, diskPending == 0, roster.liveCount == 0 {
      fail(desertion)
    }
    guard let ending else { return }
    if dismissedAt == nil, isDrained { dismissAll(now: now) }
    guard let dismissedAt, diskPending == 0 else { return }
    if roster.liveCount == 0 || now - dismissedAt >= settings.farewellMilliseconds {
      isOver = true
      directives.append(.end(ending))
    }
  }

  /// Nothing is under way that could still become a commit.
  private var isDrained: Bool {
    diskPending == 0 && roster.entries.allSatisfy { $0.held.isEmpty }
      && (jobs.written.isEmpty || roster.liveCount == 0)
  }

  private mutating func dismissAll(now: Int64) {
    guard dismissedAt == nil else { return }
    dismissedAt = now
    remindedAt = now
    for entry in roster.entries where entry.isLive { send(.dismiss, to: entry.id) }
  }

  /// Says dismiss again to those who have not left.
  mutating func remind(now: Int64) {
    guard dismissedAt != nil, now - remindedAt >= settings.farewellMilliseconds / 6 else { return }
    remindedAt = now
    for entry in roster.entries where entry.isLive { send(.dismiss, to: entry.id) }
  }
}
