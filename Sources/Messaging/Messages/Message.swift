// The words that coordinator and workers exchange. Pure values; `MessageCodec` turns them into
// bytes. ZeroMQ may lose, repeat and (across reconnects) reorder them, so every handler is
// idempotent on (job, attempt) and everything that matters is resent until answered.
package import Planning

/// What a worker can be asked to do with a job.
package enum Assignment: Hashable, Sendable {
  /// Merge the job into the attempt's own file, of so many bytes.
  case merge(AttemptID, PlanSlice, byteCount: Int64)
  /// Read the attempt's file back from the device and digest it.
  case readBack(AttemptID)

  package var attempt: AttemptID {
    switch self {
    case .merge(let attempt, _, _), .readBack(let attempt): attempt
    }
  }
}

/// How a task ended.
package enum Outcome: Hashable, Sendable {
  /// The attempt's file is written and flushed; its record (`ID.json` beside it) too.
  case merged(byteCount: Int64, digest: String, recordDigest: String)
  /// The attempt's file was read; this is what it holds.
  case readBack(byteCount: Int64, digest: String)
  case failed(TaskFailure)
  /// Given back unfinished: the worker is leaving.
  case handedBack
  /// Given back: the worker's time ends before the task would.
  case declined
}

/// Why a task failed.
package struct TaskFailure: Hashable, Sendable {
  package enum Cause: UInt8, Hashable, Sendable, CaseIterable {
    /// The inputs are at fault (a weight that is not finite, a file that changed): elsewhere the
    /// same would happen.
    case input = 0
    /// A device, a file system or this machine.
    case storage = 1
    /// The disk is full: the whole run stops with what is done kept.
    case noSpace = 2
  }

  package var cause: Cause
  /// A sentence. The same inputs give the same one on every worker where they are at fault.
  package var reason: String

  package init(_ cause: Cause, _ reason: String) {
    self.cause = cause
    self.reason = reason
  }
}

/// A worker as it presents itself.
package struct Introduction: Hashable, Sendable {
  package var host: String
  package var processID: Int
  package var threads: Int
  /// The most memory it will use: no job that needs more is given to it.
  package var memoryByteCount: Int64
  /// Of the merge it works for since an earlier welcome; empty before the first.
  package var planDigest: String

  package init(
    host: String, processID: Int, threads: Int, memoryByteCount: Int64, planDigest: String = ""
  ) {
    self.host = host
    self.processID = processID
    self.threads = threads
    self.memoryByteCount = memoryByteCount
    self.planDigest = planDigest
  }
}

/// A task in a worker's hands: waiting, running, or done and not acknowledged.
package struct TaskID: Hashable, Sendable {
  package var kind: Assignment.Kind
  package var attempt: AttemptID

  package init(_ kind: Assignment.Kind, _ attempt: AttemptID) {
    self.kind = kind
    self.attempt = attempt
  }
}

/// What a worker says.
package enum WorkerMessage: Hashable, Sendable {
  /// First words, repeated until welcomed. `held` may be of an earlier epoch: a coordinator that
  /// follows another adopts it.
  case hello(Introduction, held: [TaskID])
  /// Sent every heartbeat by the loop beside the merge: what runs, its bytes done so far, the bytes
  /// that all its tasks have read and written, all that is held, and how many tasks beyond that are
  /// wanted.
  case progress(
    running: TaskID?, byteCount: Int64, movedByteCount: Int64 = 0, held: [TaskID], credit: Int)
  /// Repeated until `settled` comes. `credit` as in `progress`.
  case result(TaskID, Outcome, credit: Int)
  /// The worker is leaving and holds nothing any more. Repeated until `farewell`.
  case goodbye
}

extension Assignment {
  package enum Kind: UInt8, Hashable, Sendable {
    case merge = 0
    case readBack = 1
  }
  package var task: TaskID { TaskID(kind, attempt) }
  package var kind: Kind {
    switch self {
    case .merge: .merge
    case .readBack: .readBack
    }
  }
}

/// What the coordinator says.
package enum CoordinatorMessage: Hashable, Sendable {
  /// Answers `hello`: the job's folder, the plan's digest, and how long a silent worker counts as
  /// alive.
  case welcome(jobFolder: String, planDigest: String, leaseMilliseconds: Int)
  /// The worker may not work here; it prints the reason and exits.
  case refuse(reason: String)
  case assign(Assignment)
  /// A result arrived and needs no more repeating, whether it was used or not.
  case settled(TaskID)
  /// Stop work on this task and forget it.
  case cancel(TaskID)
  /// Answers `progress`: the coordinator lives, and looks for the next report after so long.
  case heartbeat(periodMilliseconds: Int)
  /// No more work: say goodbye and exit. Sent to all when the merge is done or stopped.
  case dismiss
  /// Answers `goodbye`.
  case farewell
}

/// What travels with every message.
package struct Envelope: Hashable, Sendable {
  /// The coordinator's life; 0 from a worker that knows none yet.
  package var epoch: UInt64
  /// Random, one per worker process: tells a restarted worker from a repeated message.
  package var session: UInt64
  /// Counts this sender's messages from 1.
  package var sequence: UInt64

  package init(epoch: UInt64, session: UInt64, sequence: UInt64) {
    self.epoch = epoch
    self.session = session
    self.sequence = sequence
  }
}
