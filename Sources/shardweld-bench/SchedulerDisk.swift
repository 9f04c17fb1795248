// A coordinator's disk that answers at once, so that what is measured is scheduling alone. It keeps
// the time from the first tenth of the commits to the last one: workers have all come by then.
import Coordination
import Messaging
import Planning
import Publishing

/// Takes every order and carries out none.
final class SchedulerDisk: CoordinatorDisk {
  /// What stood on the clocks at some commit.
  struct Mark {
    var jobsDone: Int
    var microseconds: Int64
    var cost: ProcessCost
    var messageCount: Int
  }

  let answers = Mailbox<DiskAnswer>()
  private(set) var first: Mark?
  private(set) var last: Mark?
  private let jobCount: Int
  private let messageCount: () -> Int
  private var done = 0

  /// `messageCount`: of the link, both ways.
  init(jobCount: Int, messageCount: @escaping () -> Int) {
    self.jobCount = jobCount
    self.messageCount = messageCount
  }

  func check(_ attempt: AttemptID, byteCount: Int64, digest: String, recordDigest: String) {
    answers.post(.event(.checked(attempt)))
  }

  func commit(_ attempt: AttemptID, readBackBy: String) {
    done += 1
    if done == max(1, jobCount / 10) { first = mark() }
    if done == jobCount { last = mark() }
    answers.post(.event(.committed(attempt)))
  }

  func publish() {
    answers.post(
      .published(
        PublishedSummary(
          output: "", shardCount: done, tensorCount: 0, byteCount: 0, fileCount: 0,
          outputDigest: "")))
  }

  func revoke(_ job: Int) { answers.post(.event(.revoked(job: job))) }
  func discard(_ attempt: AttemptID) {}
  func note(_ note: CoordinatorMachine.Note) {}
  func beat() {}
  func drain() {}

  private func mark() -> Mark {
    Mark(
      jobsDone: done, microseconds: ProcessCost.clockMicroseconds, cost: .now,
      messageCount: messageCount())
  }
}
