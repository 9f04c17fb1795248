// Leaving: dismissed by the coordinator, or terminated from outside. Running work ends first (at
// once, or after a while), then results are acknowledged, then goodbye is answered; each step has a
// limit, so that a worker always leaves.
import Messaging
import Planning

extension WorkerMachine {
  /// A worker on its way out.
  struct Leaving: Equatable, Sendable {
    var exit: WorkerExit
    var since: Int64
    /// When it was first asked to leave, for whatever reason.
    var asked: Int64
    /// When it held nothing running any more.
    var idleSince: Int64?
    var goodbyeSince: Int64?
    var lastGoodbye: Int64 = 0
  }

  /// The coordinator needs nothing more: what runs is dropped, what is unsettled does not matter.
  mutating func dismissed(now: Int64) {
    if leaving?.exit == .dismissed { return }
    leaving = Leaving(exit: .dismissed, since: now, asked: leaving?.asked ?? now)
    prefetched = nil
    unsettled = []
    flushing?.isForgotten = true
    running?.isForgotten = true
    if running != nil { halt() }
  }

  /// SIGTERM: what waits and read-backs go back at once, a running merge may end within its limit.
  /// Asked again, it is dropped too.
  mutating func terminate(now: Int64) {
    guard leaving == nil else {
      if running != nil { halt() }
      return
    }
    leaving = Leaving(exit: .stopped, since: now, asked: now)
    handBackPrefetched(now: now)
    if running?.assignment.kind == .readBack { halt() }
    report(now: now)
  }

  /// Takes the next step of leaving where it is due.
  mutating func leaveIfDone(now: Int64) {
    guard !isOver, var state = leaving else { return }
    if now - state.asked >= settings.departureMilliseconds { return exit(state.exit) }
    defer { if leaving != nil { leaving = state } }
    if running != nil || flushing != nil {
      if state.exit == .dismissed {
        if now - state.since >= settings.farewellMilliseconds { exit(state.exit) }
      } else if now - state.since >= settings.lastMergeMilliseconds {
        halt()
        let limit = settings.lastMergeMilliseconds + settings.farewellMilliseconds
        if now - state.since >= limit { exit(state.exit) }
      }
      return
    }
    let idleSince = state.idleSince ?? now
    state.idleSince = idleSince
    if state.goodbyeSince == nil {
      guard unsettled.isEmpty || now - idleSince >= settings.lastResultMilliseconds else { return }
      state.goodbyeSince = now
      state.lastGoodbye = now
      send(.goodbye)
    } else if let since = state.goodbyeSince, now - since >= settings.farewellMilliseconds {
      exit(state.exit)
    } else if now - state.lastGoodbye >= settings.farewellMilliseconds / 6 {
      state.lastGoodbye = now
      send(.goodbye)
    }
  }
}
