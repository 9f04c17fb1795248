// The coordinator's disk: orders are carried out one after the other, off the loop. A slow disk
// thus never keeps the loop from hearing its workers.
import Dispatch
package import Messaging
package import Planning
import Synchronization

/// Carries out orders on threads of its own. Given by the loop alone.
package final class DiskThread: CoordinatorDisk, Sendable {
  package let answers = Mailbox<DiskAnswer>()
  private let work: DiskWork
  private let queue = DispatchQueue(label: "shardweld.disk")
  /// Beats have a queue of their own: a long flush must not make this coordinator look dead.
  private let beats = DispatchQueue(label: "shardweld.beat")
  private let isBeating = Mutex(false)

  package init(_ work: DiskWork) { self.work = work }

  package func check(
    _ attempt: AttemptID, byteCount: Int64, digest: String, recordDigest: String
  ) {
    answer { work in
      .event(
        work.check(attempt, byteCount: byteCount, digest: digest, recordDigest: recordDigest))
    }
  }

  package func commit(_ attempt: AttemptID, readBackBy: String) {
    answer { .event($0.commit(attempt, readBackBy: readBackBy)) }
  }

  package func revoke(_ job: Int) { answer { .event($0.revoke(job)) } }

  package func publish() { answer { $0.publish() } }

  package func discard(_ attempt: AttemptID) { queue.async { [work] in work.discard(attempt) } }

  package func note(_ note: CoordinatorMachine.Note) {
    queue.async { [work] in work.note(note) }
  }

  /// One beat at most is under way.
  package func beat() {
    let isFree = isBeating.withLock { isBeating in
      defer { isBeating = true }
      return !isBeating
    }
    guard isFree else { return }
    beats.async { [self] in
      if let event = work.beat() { answers.post(.event(event)) }
      isBeating.withLock { $0 = false }
    }
  }

  package func drain() { queue.sync {} }

  private func answer(_ order: @escaping @Sendable (DiskWork) -> DiskAnswer) {
    queue.async { [work, answers] in answers.post(order(work)) }
  }
}
