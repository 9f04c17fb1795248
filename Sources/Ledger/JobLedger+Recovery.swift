// After a crash: which commits still hold, and what may be swept away. Idempotent; runs under the
// lock, before any worker of this epoch writes.
import Planning
import Storage

extension JobLedger {
  /// What recovery found.
  struct Recovered {
    var committed: [Int: CommitRecord] = [:]
    var setAside: [SetAside] = []
    var orphans: [AttemptID] = []
  }

  /// `keepsAttempts`: leaves what workers of an earlier coordinator are writing, or have written.
  static func recover(
    _ folder: JobFolder, plan: MergePlan, keepsAttempts: Bool, pulse: inout Pulse
  ) throws(LedgerError) -> Recovered {
    var place = try settlePlace(folder)
    var recovered = Recovered()
    for name in try names(folder.commits) where name.contains(".part-") {
      try remove(Path.join(folder.commits, name))
    }
    // Each by its path: a network file system may list what it remembers.
    for job in plan.jobs {
      pulse.step(period: recordsPerBeat)
      switch try judge(job, place: place, folder: folder, plan: plan) {
      case nil: break
      case .success(let record): recovered.committed[job.id] = record
      case .failure(let unfit):
        try setAside(folder.commit(job.id))
        recovered.setAside.append(SetAside(job: job.id, reason: unfit.reason))
      }
    }
    if place == .ready, recovered.committed.count < plan.jobs.count {
      try FinishMarker.remove(in: folder)  // whole no longer
      place = .growing
    }
    if place == .growing { try sweepPublish(folder, plan: plan, recovered) }
    if keepsAttempts { recovered.orphans = try orphans(folder, plan: plan, recovered) }
    try sweepAttempts(folder, recovered)
    try sweepParts([folder.path, folder.epochs])
    return recovered
  }

  /// So many records are read within a second or two, on a slow network too.
  private static let recordsPerBeat = 100

  /// The place of the result. Where it is lost (someone moved or changed it in the last moment of
  /// an earlier run) putting shards in place begins again.
  private static func settlePlace(
    _ folder: JobFolder
  ) throws(LedgerError) -> FinishMarker.Place {
    let place = try FinishMarker.place(in: folder)
    guard place == .lost else { return place }
    try remove(folder.publish)
    try FinishMarker.remove(in: folder)
    return .growing
  }

  /// Carries a reason through `Result`.
  private struct Unfit: Error {
    var reason: SetAside.Reason
  }

  /// What is to be thought of a job's record; nil where it has none.
  private static func judge(
    _ job: MergeJob, place: FinishMarker.Place, folder: JobFolder, plan: MergePlan
  ) throws(LedgerError) -> Result<CommitRecord, Unfit>? {
    let record: CommitRecord
    do throws(LedgerError) {
      guard let found = try readCommitIfThere(folder.commit(job.id)) else { return nil }
      record = found
    } catch .unreadable(_, let error) {
      return .failure(Unfit(reason: .unreadable(error)))
    }
    guard record.fits(job, digest: plan.options.digest) else {
      return .failure(Unfit(reason: .foreign))
    }
    // The output took its name whole and verified; what became of it since is `verify`'s to say.
    if place == .published { return .success(record) }
    let state = try LedgerError.wrapping { () throws(StorageError) in
      let state = try ShardState.of(folder.published(job.shardName), job: job)
      // Committed but not yet put in place: the coordinator does that again.
      if state != .absent { return state }
      return try ShardState.of(folder.shard(record.attempt), job: job)
    }
    return state == .asPlanned ? .success(record) : .failure(Unfit(reason: .shard(state)))
  }

  /// The job of a record's file name; nil for records set aside and foreign files.
  static func commitNumber(_ name: String) -> Int? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[1] == "json",
      parts[0].utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 })
    else { return nil }
    return Int(parts[0])
  }

  /// Renames a record to `JOB.bad-N.json` with the first free N: it is evidence, not rubbish.
  static func setAside(_ path: String) throws(LedgerError) {
    let stem = String(path.dropLast(".json".count))
    var number = 1
    while true {
      do throws(StorageError) {
        return try WholeFile.moveIfAbsent(from: path, to: "\(stem).bad-\(number).json")
      } catch .exists {
        number += 1
      } catch {
        throw .storage(error)
      }
    }
  }

  // MARK: Sweeping

  /// Removes shards that no commit vouches for from under their final names.
  private static func sweepPublish(
    _ folder: JobFolder, plan: MergePlan, _ recovered: Recovered
  ) throws(LedgerError) {
    for job in plan.jobs where recovered.committed[job.id] == nil {
      try remove(folder.published(job.shardName))
    }
  }

  /// Attempts at jobs that are not committed, in order.
  private static func orphans(
    _ folder: JobFolder, plan: MergePlan, _ recovered: Recovered
  ) throws(LedgerError) -> [AttemptID] {
    let suffix = JobFolder.ending
    return try names(folder.attempts).compactMap { name in
      guard name.hasSuffix(suffix), let attempt = AttemptID(name.dropLast(suffix.count)),
        attempt.job < plan.jobs.count, recovered.committed[attempt.job] == nil
      else { return nil }
      return attempt
    }.sorted()
  }

  /// Removes all attempts but orphans, and those that are committed and not yet in place.
  private static func sweepAttempts(
    _ folder: JobFolder, _ recovered: Recovered
  ) throws(LedgerError) {
    let orphans = recovered.orphans.flatMap { [folder.shard($0), folder.record($0)] }
    let kept = Set(
      recovered.committed.values.map { Path.name(folder.shard($0.attempt)) }
        + orphans.map(Path.name))
    for name in try names(folder.attempts) where !kept.contains(name) {
      try remove(Path.join(folder.attempts, name))
    }
  }

  /// Removes what a crash left of files that had not yet taken their names.
  private static func sweepParts(_ folders: [String]) throws(LedgerError) {
    for folder in folders {
      for name in try names(folder) where name.contains(".part-") {
        try remove(Path.join(folder, name))
      }
    }
  }

  private static func names(_ folder: String) throws(LedgerError) -> [String] {
    try LedgerError.wrapping { () throws(StorageError) in try Folder.list(folder) }
  }

  private static func remove(_ path: String) throws(LedgerError) {
    try LedgerError.wrapping { () throws(StorageError) in try Folder.removeTree(path) }
  }
}
