// What the coordinator does with files, one order at a time: the same code on the thread of a real
// coordinator and under the simulated disk of Tests/Simulation.
package import Ledger
import Messaging
package import Planning
package import Publishing
import Storage
import Synchronization

/// The coordinator's orders to the disk, carried out at once.
package final class DiskWork: Sendable {
  private let ledger: JobLedger
  private let publication: Publication
  private let jobs: [MergeJob]
  private let overwrites: Bool
  /// Records that were checked and wait for their commit.
  private let records = Mutex<[AttemptID: AttemptRecord]>([:])

  package init(
    ledger: JobLedger, publication: Publication, jobs: [MergeJob], overwrites: Bool
  ) {
    self.ledger = ledger
    self.publication = publication
    self.jobs = jobs
    self.overwrites = overwrites
  }

  /// Looks whether the attempt's files are what its worker says: sizes, header, record.
  package func check(
    _ attempt: AttemptID, byteCount: Int64, digest: String, recordDigest: String
  ) -> CoordinatorMachine.Event {
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
      return .checked(attempt)
    } catch {
      return .checkFailed(attempt, reason: error.sentence)
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
  package func commit(_ attempt: AttemptID, readBackBy: String) -> CoordinatorMachine.Event {
    guard let record = records.withLock({ $0.removeValue(forKey: attempt) }) else {
      unreachable("\(attempt) is committed unchecked")
    }
    let job = jobs[attempt.job]
    let commit = CommitRecord(
      job: job.id, shardName: job.shardName, byteCount: record.byteCount, digest: record.digest,
      tensors: record.tensors, attempt: attempt, host: record.host, processID: record.processID,
      milliseconds: record.milliseconds, readBackBy: readBackBy)
    let result: JobLedger.CommitResult
    do throws(LedgerError) { result = try ledger.commit(commit) } catch {
      if case .superseded = error { return .superseded(reason: error.sentence) }
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

  /// Takes a commit back.
  package func revoke(_ job: Int) -> CoordinatorMachine.Event {
    do throws(LedgerError) {
      try ledger.revoke(jobs[job])
      return .revoked(job: job)
    } catch {
      return .revokeFailed(job: job, reason: error.sentence)
    }
  }

  /// Removes an attempt's files. What is left behind goes with the job's folder at the end.
  package func discard(_ attempt: AttemptID) {
    records.withLock { _ = $0.removeValue(forKey: attempt) }
    do throws(StorageError) {
      try Folder.removeTree(ledger.folder.shard(attempt))
      try Folder.removeTree(ledger.folder.record(attempt))
    } catch {
      ledger.note(JournalEntry(kind: "left", attempt: attempt, text: error.sentence))
    }
  }

  /// Places what an earlier run committed and did not place, and finishes the output.
  package func publish() -> DiskAnswer {
    do throws(LedgerError) { try ledger.checkAuthority() } catch {
      return .event(.superseded(reason: error.sentence))
    }
    do throws(PublishingError) {
      let commits = ledger.committed
      for job in jobs {
        if let commit = commits[job.id] { try publication.place(commit.attempt, job: job) }
      }
      let records = commits.keys.sorted().compactMap { commits[$0] }
      return .published(try publication.finish(commits: records, overwrite: overwrites))
    } catch {
      return .event(.publishFailed(reason: error.sentence, noSpace: error.isNoSpace))
    }
  }

  package func note(_ note: CoordinatorMachine.Note) {
    ledger.note(
      JournalEntry(
        kind: note.kind.rawValue, attempt: note.attempt, worker: note.worker, text: note.text))
  }

  /// Shows that this coordinator lives; what is to be told where another has taken its place.
  package func beat() -> CoordinatorMachine.Event? {
    do throws(LedgerError) {
      try ledger.checkAuthority()
      ledger.beat()
      return nil
    } catch {
      // A folder that cannot be listed for a moment is no successor.
      guard case .superseded = error else { return nil }
      return .superseded(reason: error.sentence)
    }
  }
}
