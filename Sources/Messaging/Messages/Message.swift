// The words that coordinator and workers exchange. Pure values; `MessageCodec` turns them into
// bytes. ZeroMQ may lose, repeat and (across reconnects) reorder them, so every handler is
// idempotent on (job, attempt) and everything that matters is resent until answered.
package import Planning

/// What a worker can be asked to do with a job.
package enum Assignment: Hashable, Sendable {
  /// Merge the job into the attempt's own file.
  case merge(AttemptID, PlanSlice)
  /// Read the attempt's file back from the device and digest it.
  case readBack(AttemptID)

  package var attempt: AttemptID {
    switch self {
    case .merge(let attempt, _), .readBack(let attempt): attempt
    }
  }
}

/// How a task ended.
package enum Outcome: Hashable, Sendable {
  /// The attempt's file is written and flushed; its record (`ID.json` beside it) too.
  case merged(byteCount: Int64, digest: String, recordDigest: String)
  /// The attempt's file was read; this is what it holds.
  case readBack(byteCount: Int64, digest: String)
  /// The task failed. `isFinal` means no other worker would fare better (a weight that is not
  /// finite, an input that changed); `noSpace` stops the whole run with what is done kept.
  case failed(reason: String, isFinal: Bool, noSpace: Bool)
  /// Given back unfinished: the worker is leaving.
  case handedBack
}

/// What a worker says.
package enum WorkerMessage: Hashable, Sendable {
  /// First words, repeated until welcomed. `running` are tasks begun under an earlier epoch.
  case hello(host: String, processID: Int, threads: Int, running: [AttemptID])
  /// Asks for up to `count` tasks beyond those it holds.
  case credit(count: Int)
  /// Sent every heartbeat by the thread that merges: bytes of the running task done so far.
  case progress(running: AttemptID?, byteCount: Int64, held: [AttemptID])
  /// Repeated until `settled` comes.
  case result(Assignment.Kind, AttemptID, Outcome)
  /// The worker is leaving and holds nothing any more. Repeated until `farewell`.
  case goodbye
}

extension Assignment {
  package enum Kind: UInt8, Hashable, Sendable {
    case merge = 0
    case readBack = 1
  }
  package var kind: Kind {
    switch self {
    case .merge: .merge
    case .readBack: .readBack
    }
  }
}

/// What the coordinator says.
package enum CoordinatorMessage: Hashable, Sendable {
  /// Answers `hello`: the job's folder, the plan's digest, and the periods to keep.
  case welcome(
    jobFolder: String, planDigest: String, heartbeatMilliseconds: Int, leaseMilliseconds: Int)
  /// The worker may not work here; it prints the reason and exits.
  case refuse(reason: String)
  case assign(Assignment)
  /// A result arrived and needs no more repeating, whether it was used or not.
  case settled(Assignment.Kind, AttemptID)
  /// Stop work on this attempt and forget it.
  case cancel(Assignment.Kind, AttemptID)
  /// Proves that the coordinator lives; answers `progress`.
  case heartbeat
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
