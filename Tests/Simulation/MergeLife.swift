// A coordinator's life without a network: the ledger, its workers' files and the publication in the
// order of the real run (OpenJob, then Pipeline and DiskThread), by the real code.
package import Ledger
import Planning
import Publishing
import Storage

/// Lives of one merge after another, and what they promised.
package final class MergeLife {
  package let merge: SmallMerge
  package let overwrites: Bool
  /// Jobs whose commit returned: no later life may merge them again.
  package private(set) var promised: Set<Int> = []
  /// What no life may do, if one did it.
  package private(set) var breaches: [String] = []
  /// Commits that recovery set aside, of all lives.
  package private(set) var setAside: [JobLedger.SetAside] = []

  /// True once a life gave the output its name and had only to clean up.
  private var hasPublished = false

  package init(_ merge: SmallMerge, overwrites: Bool = false) {
    self.merge = merge
    self.overwrites = overwrites
  }

  /// The same lives so far; what follows is another story.
  package func copy() -> MergeLife {
    let copy = MergeLife(merge, overwrites: overwrites)
    copy.promised = promised
    copy.setAside = setAside
    copy.hasPublished = hasPublished
    return copy
  }

  /// Another coordinator finished the merge meanwhile: what it promised is this one's no more.
  func follow(_ other: MergeLife) {
    promised = other.promised
    hasPublished = other.hasPublished
  }

  /// How a life ended that met no error.
  package enum End: Equatable, Sendable {
    /// This life published, or cleaned up what an earlier one had published.
    case finished
    /// The output was there, its job's folder gone.
    case wasFinished
  }

  /// One whole life, in the process that `Host.kernel` is. Any error ends it.
  package func run() throws -> End {
    let folder = merge.folder
    try JobLedger.sweep(folder)
    let place = try FinishMarker.place(in: folder)
    if place != .published, !overwrites, let status = try FileStatus.of(merge.output),
      status.isFolder, try !Folder.list(merge.output).isEmpty
    {
      return .wasFinished
    }
    // Told to overwrite what an earlier life finished and cleaned up, a new merge begins.
    if hasPublished, try FileStatus.of(folder.path) == nil { promised = [] }
    let ledger = try JobLedger.open(
      folder, plan: merge.plan, encoded: merge.encoded, watchMilliseconds: 500)
    setAside += ledger.setAside
    let lost = promised.subtracting(ledger.committed.keys)
    if !lost.isEmpty, !hasPublished {
      breaches.append("jobs \(lost.sorted()) were committed and are lost")
    }
    try announce(ledger)
    let publication = merge.publication(epoch: ledger.epoch)
    for job in merge.plan.jobs where ledger.committed[job.id] == nil {
      let attempt = AttemptID(job: job.id, epoch: ledger.epoch, attempt: 1)
      ledger.note(JournalEntry(kind: "assigned", attempt: attempt))
      let written = try merge.writeAttempt(attempt)
      try ShardCheck.check(folder.shard(attempt), against: job)
      let read = try merge.readBack(attempt)
      if read != written { breaches.append("\(attempt) was recorded as \(read)") }
      ledger.beat()
      let result = try ledger.commit(merge.commit(read, readBackBy: "n2/8"))
      promised.insert(job.id)
      if case .different = result { breaches.append("\(attempt) was committed with other bytes") }
      try publication.place(ledger.committed[job.id]?.attempt ?? attempt, job: job)
      ledger.note(JournalEntry(kind: "committed", attempt: attempt))
    }
    let commits = ledger.committed
    for job in merge.plan.jobs {
      if let commit = commits[job.id] { try publication.place(commit.attempt, job: job) }
    }
    _ = try publication.finish(
      commits: commits.keys.sorted().compactMap { commits[$0] }, overwrite: overwrites)
    hasPublished = true
    try ledger.remove()
    return .finished
  }

  private func announce(_ ledger: JobLedger) throws {
    try ledger.announce(
      EpochRecord(
        number: ledger.epoch, host: Host.name, bootID: Host.bootID, processID: Host.processID,
        endpoint: "tcp://n1:5555", publicKey: String(repeating: "k", count: 40)))
  }
}
