// A worker that will be ended from outside at a known time: it takes nothing that it could not
// finish, gives back what turns out too long, and leaves in time.
import Messaging
import Planning

extension WorkerMachine {
  /// False for a merge that would end after the deadline, judged by how fast merges went so far.
  /// Before the first one nobody knows; how it goes then is watched.
  func isInTime(_ assignment: Assignment, now: Int64) -> Bool {
    guard let left = timeLeft(now: now), case .merge(_, _, let byteCount) = assignment else {
      return true
    }
    guard mergedByteCount > 0 else { return left > 0 }
    var bytes = byteCount
    if case .merge(_, _, let whole)? = running?.assignment {
      bytes += max(0, whole - (running?.byteCount ?? 0))
    }
    return milliseconds(for: bytes, at: mergedByteCount, in: mergedMilliseconds) <= left
  }

  /// Gives a running merge back whose rate says that it will end too late, and leaves when the time
  /// has come.
  mutating func watchDeadline(now: Int64) {
    guard leaving == nil, let left = timeLeft(now: now) else { return }
    if left <= 0 { return terminate(now: now) }
    guard let running, !running.isHalting, running.byteCount > 0,
      case .merge(_, _, let byteCount) = running.assignment
    else { return }
    let elapsed = now - running.startedAt
    // Early on a rate says little.
    guard elapsed >= settings.farewellMilliseconds || running.byteCount * 10 >= byteCount else {
      return
    }
    let needed = milliseconds(
      for: byteCount - running.byteCount, at: running.byteCount, in: elapsed)
    guard needed > left else { return }
    self.running?.isTooLong = true
    halt()
  }

  /// Milliseconds until this worker must begin to leave; nil where it has no deadline.
  private func timeLeft(now: Int64) -> Int64? {
    settings.deadline.map { $0 - settings.departureLeadMilliseconds - now }
  }

  private func milliseconds(for bytes: Int64, at done: Int64, in elapsed: Int64) -> Int64 {
    Int64(clamping: Int(min(Double(bytes) * Double(elapsed) / Double(max(1, done)), 1e15)))
  }
}
