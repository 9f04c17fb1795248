// What the coordinator's machine hears and what it orders. The shell turns sockets, signals and the
// disk thread's answers into events, and carries out directives in the order they are given.
package import Messaging
package import Planning

extension CoordinatorMachine {
  /// Something that happened.
  package enum Event: Equatable, Sendable {
    /// A worker's words, its key checked.
    case message(WorkerMessage, Envelope, from: WorkerID)
    /// A local worker's process ended.
    case workerGone(host: String, processID: Int)
    /// A worker's connection broke.
    case unreachable(WorkerID)
    /// A key was taken off the list, or has expired: its workers are strangers now.
    case barred(key: String, reason: String)
    /// A later coordinator has taken the job over.
    case superseded(reason: String)
    /// No worker is left and none will come: the run cannot go on.
    case noMoreWorkers(reason: String)
    /// Time passes; sent a few times each second.
    case tick
    /// Someone asked to stop.
    case stop(reason: String)

    /// Answers `check`: the file has the planned size and header, and its record is the writer's.
    case checked(AttemptID)
    case checkFailed(AttemptID, reason: String)
    /// Answers `commit`: the record is durable and the shard has its final name.
    case committed(AttemptID)
    case commitFailed(AttemptID, reason: String, noSpace: Bool)
    /// Answers `revoke`: the record is set aside and the shard is gone from its final name.
    case revoked(job: Int)
    case revokeFailed(job: Int, reason: String)
    /// Answers `publish`.
    case published
    case publishFailed(reason: String, noSpace: Bool)
  }

  /// Something to be done.
  package enum Directive: Equatable, Sendable {
    case send(CoordinatorMessage, Envelope, to: WorkerID)
    /// Look at an attempt's size, header and record.
    case check(AttemptID, byteCount: Int64, digest: String, recordDigest: String)
    /// Record the attempt as the job's, durably, and give the shard its final name. `readBackBy` is
    /// empty where nobody read it back.
    case commit(AttemptID, readBackBy: String)
    /// Take a commit back: another worker made other bytes of the same job.
    case revoke(job: Int)
    /// Nothing will be made of this attempt: remove its files.
    case discard(AttemptID)
    /// All jobs are committed: write what remains and rename the whole.
    case publish
    /// For the history that people read.
    case note(Note)
    /// The last directive.
    case end(End)
  }

  /// A line of history.
  package struct Note: Equatable, Sendable {
    package enum Kind: String, Equatable, Sendable {
      case joined, away, back, lost, left, barred, drained
      case assigned, adopted, copied, withdrawn, cancelled, still
      case merged, readBack, committed, failed, mismatch, handedBack, declined, died
      case suspected, disputed, settled, quarantined, ending

      /// True where something went wrong, or follows from it.
      package var isTrouble: Bool {
        switch self {
        case .failed, .mismatch, .lost, .died, .still, .suspected, .disputed, .settled, .drained,
          .barred, .quarantined:
          true
        case .joined, .away, .back, .left, .assigned, .adopted, .copied, .withdrawn, .cancelled,
          .merged, .readBack, .committed, .handedBack, .declined, .ending:
          false
        }
      }
    }
    package var kind: Kind
    package var attempt: AttemptID?
    /// `host/processID`, or empty.
    package var worker: String
    /// A sentence, or empty.
    package var text: String

    package init(kind: Kind, attempt: AttemptID?, worker: String, text: String) {
      self.kind = kind
      self.attempt = attempt
      self.worker = worker
      self.text = text
    }
  }

  /// How the run ended.
  package enum End: Equatable, Sendable {
    case finished
    /// Cleanly, with work left: run again to go on.
    case stopped(reason: String)
    case failed(reasons: [String])
  }
}
