// Everything the coordinator does with files: one order after the other, off the loop, each
// answered by a value in a mailbox. A slow disk thus never keeps the loop from hearing its workers.
import Dispatch
import Ledger
import Messaging
import Planning
import Publishing
import Storage
import Synchronization

/// The coordinator's hands on the disk. Orders are given by the loop alone.
final class DiskThread: Sendable {
  /// What became of an order.
  enum Answer: Sendable {
    case event(CoordinatorMachine.Event)
    case published(PublishedSummary)
  }

  let answers = Mailbox<Answer>()
  private let ledger: JobLedger
  private let publication: Publication
  private let jobs: [MergeJob]
  private let overwrites: Bool
  private let queue = DispatchQueue(label: "shardweld.disk")
  /// Beats have a queue of their own: a long flush must not make this coordinator look dead.
  private let beats = DispatchQueue(label: "shardweld.beat")
  private let isBeating = Mutex(false)
  /// Records that were checked and wait for their commit.
  private let records = Mutex<[AttemptID: AttemptRecord]>([:])

  init(ledger: JobLedger, publication: Publication, jobs: [MergeJob], overwrites: Bool) {
    self.ledger = ledger
    self.publication = publication
    self.jobs = jobs
    self.overwrites = overwrites
  }

  /// Looks whether the attempt's files are what its worker says: sizes, header, record.
  func check(_ attempt: AttemptID, byteCount: Int64, digest: String, recordDigest: String) {
    queue.async { [self] in
      do throws(AttemptError) {
        let record = try read(attempt, recordDigest: recordDigest)
        let expected = "\(attempt), \(byteCount) bytes, \(digest)"
        let found = "\(record.attempt), \(record.byteCount) bytes, \(record.digest)"
        let path = ledger.folder.record(attempt)
        guard expected == found else {
          throw .recordFacts(path: path, expected: expected, found: found)
        }
        let count = jobs[attempt.job].recipes.count
        guard record.tensors.count == count else {
          throw .recordFacts(
            path: path, expected: "\(count) tensors", found: "\(record.tensors.count)")
        }
        records.withLock { $0[attempt] = record }
        answers.post(.event(.checked(attempt)))
      } catch {
        answers.post(.event(.checkFailed(attempt, reason: error.sentence)))
      }
    }
  }

  private func read(
    _ attempt: AttemptID, recordDigest: String
  ) throws(AttemptError) -> AttemptRecord {
    do throws(PublishingError) {
      try ShardCheck.check(ledger.folder.shard(attempt), against: jobs[attempt.job])
    } catch { throw .shard(error) }
    let path = ledger.folder.record(attempt)
    let bytes: [UInt8]
    do throws(StorageError) { bytes = try WholeFile.read(path) } catch { throw .storage(error) }
    let found = Digest.xxh3(bytes).description
    guard found == recordDigest else {
      throw .recordDigest(path: path, expected: recordDigest, found: found)
    }
    do throws(PlanError) { return try AttemptRecord.decode(bytes) } catch {
      throw .record(path: path, error)
    }
  }

  /// Makes the attempt the job's shard, durably, and gives it its final name.
  func commit(_ attempt: AttemptID, readBackBy: String) {
    queue.async { [self] in
      guard let record = records.withLock({ $0.removeValue(forKey: attempt) }) else {
        unreachable("\(attempt) is committed unchecked")
      }
      let job = jobs[attempt.job]
      let commit = CommitRecord(
        job: job.id, shardName: job.shardName, byteCount: record.byteCount, digest: record.digest,
        tensors: record.tensors, attempt: attempt, host: record.host, processID: record.processID,
        milliseconds: record.milliseconds, readBackBy: readBackBy)
      answers.post(.event(carryOut(commit, job)))
    }
  }

  private func carryOut(_ commit: CommitRecord, _ job: MergeJob) -> CoordinatorMachine.Event {
    let attempt = commit.attempt
    let result: JobLedger.CommitResult
    do throws(LedgerError) { result = try ledger.commit(commit) } catch {
      return .commitFailed(attempt, reason: error.sentence, noSpace: error.isNoSpace)
    }
    if case .different(let first) = result {
      let reason =
        "\(job.shardName) was made twice with different bytes: \(first.digest) by \(first.host)/"
        + "\(first.processID), \(commit.digest) by \(commit.host)/\(commit.processID); one of "
        + "these machines computes or stores wrongly: test both, then begin anew with --restart"
      return .commitFailed(attempt, reason: reason, noSpace: false)
    }
    do throws(PublishingError) {
      try publication.place(standing(commit), job: job)
    } catch {
      return .commitFailed(attempt, reason: error.sentence, noSpace: error.isNoSpace)
    }
    return .committed(attempt)
  }

  /// The attempt whose record stands: an equal one may have been first.
  private func standing(_ commit: CommitRecord) -> AttemptID {
    ledger.committed[commit.job]?.attempt ?? commit.attempt
  }

  /// Removes an attempt's files. What is left behind goes with the job's folder at the end.
  func discard(_ attempt: AttemptID) {
    queue.async { [self] in
      _ = records.withLock { $0.removeValue(forKey: attempt) }
      do throws(StorageError) {
        try Folder.removeTree(ledger.folder.shard(attempt))
        try Folder.removeTree(ledger.folder.record(attempt))
      } catch {
        ledger.note(JournalEntry(kind: "left", attempt: attempt, text: error.sentence))
      }
    }
  }

  /// Places what an earlier run committed and did not place, and finishes the output.
  func publish() {
    queue.async { [self] in
      do throws(PublishingError) {
        let commits = ledger.committed
        for job in jobs {
          if let commit = commits[job.id] { try publication.place(commit.attempt, job: job) }
        }
        let records = commits.keys.sorted().compactMap { commits[$0] }
        let summary = try publication.finish(commits: records, overwrite: overwrites)
        answers.post(.published(summary))
      } catch {
        answers.post(
          .event(.publishFailed(reason: error.sentence, noSpace: error.isNoSpace)))
      }
    }
  }

  func note(_ note: CoordinatorMachine.Note) {
    queue.async { [self] in
      ledger.note(
        JournalEntry(
          kind: note.kind.rawValue, attempt: note.attempt, worker: note.worker, text: note.text))
    }
  }

  /// Shows other machines that this coordinator lives. One beat at most is under way.
  func beat() {
    let isFree = isBeating.withLock { isBeating in
      defer { isBeating = true }
      return !isBeating
    }
    guard isFree else { return }
    beats.async { [self] in
      ledger.beat()
      isBeating.withLock { $0 = false }
    }
  }

  /// Returns when all orders given so far are carried out.
  func drain() { queue.sync {} }
}
