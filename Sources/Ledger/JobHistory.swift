// A job's folder as `status` and `explain` see it: read only, beside a coordinator or after it.
package import Planning
import Storage

/// All that a job's folder says.
package struct JobHistory: Sendable {
  package var folder: JobFolder
  package var plan: MergePlan
  /// The plan's identity.
  package var planDigest: String
  /// Valid records by job. Shards are not looked at.
  package var committed: [Int: CommitRecord]
  /// Names of records that were set aside, e.g. `00012.bad-1.json`.
  package var setAside: [String]
  /// Announced coordinators, oldest first.
  package var epochs: [EpochRecord]
  /// Oldest first; empty where the journal was deleted.
  package var journal: [JournalEntry]
  /// Number of the newest coordinator, announced or not; 0 where there was none.
  package var epoch: UInt64
  /// Where the newest coordinator's entries begin in `journal`.
  package var currentStart: Int
  package var isRunning: Bool
  /// The live or last coordinator.
  package var host: String
  package var processID: Int

  /// Reads the folder. `isRunning` is exact on the coordinator's machine; from another one its
  /// heartbeat is watched for a while.
  package static func read(
    _ folder: JobFolder, watchMilliseconds: Int = JobLedger.watchMilliseconds
  ) throws(LedgerError) -> JobHistory {
    let status = try LedgerError.wrapping { () throws(StorageError) in
      try FileStatus.of(folder.plan)
    }
    guard status != nil else { throw .noJob(folder: folder.path) }
    let bytes = try LedgerError.wrapping { () throws(StorageError) in
      try WholeFile.read(folder.plan, limit: JobLedger.planByteCountMax)
    }
    let plan: MergePlan
    do throws(PlanError) { plan = try PlanCodec.decode(bytes) } catch {
      throw .unreadable(path: folder.plan, error)
    }
    let holder = try JobLedger.newestHeartbeat(folder)
    var history = JobHistory(
      folder: folder, plan: plan, planDigest: Digest.xxh3(bytes).description, committed: [:],
      setAside: [], epochs: [], journal: [], epoch: 0, currentStart: 0,
      isRunning: try isRunning(folder, watchMilliseconds: watchMilliseconds),
      host: holder?.host ?? "", processID: holder?.processID ?? 0)
    try history.readCommits()
    try history.readEpochs()
    try history.readJournal()
    return history
  }

  private static func isRunning(
    _ folder: JobFolder, watchMilliseconds: Int
  ) throws(LedgerError) -> Bool {
    let exists = try LedgerError.wrapping { () throws(StorageError) in
      try FileStatus.of(folder.lock) != nil
    }
    guard exists else { return false }
    let lockIsReal: Bool
    do throws(StorageError) {
      // Given back at once, with the file.
      var file = try File.open(folder.lock)
      guard try file.lock() else { return true }
      lockIsReal = true
    } catch {
      guard error.isLockUnsupported else { throw .storage(error) }
      lockIsReal = false
    }
    do throws(LedgerError) {
      try JobLedger.checkAlone(
        folder, lockIsReal: lockIsReal, watchMilliseconds: watchMilliseconds)
      return false
    } catch .running {
      return true
    }
  }

  private mutating func readCommits() throws(LedgerError) {
    for name in try Self.names(folder.commits) {
      if name.contains(".bad-") { setAside.append(name) }
      guard let id = JobLedger.commitNumber(name), id < plan.jobs.count else { continue }
      do throws(LedgerError) {
        let record = try JobLedger.readCommit(Path.join(folder.commits, name))
        if record.fits(plan.jobs[id], digest: plan.options.digest) { committed[id] = record }
      } catch .unreadable {
        setAside.append(name)
      }
    }
  }

  private mutating func readEpochs() throws(LedgerError) {
    for number in try EpochRecord.numbers(in: folder) {
      epoch = number
      guard let bytes = try Self.read(folder.epoch(number)) else { continue }
      do throws(PlanError) { epochs.append(try EpochRecord.decode(bytes)) } catch {
        throw .unreadable(path: folder.epoch(number), error)
      }
    }
  }

  private mutating func readJournal() throws(LedgerError) {
    var start: Int?
    for name in try Self.names(folder.journals) where name.hasSuffix(".jsonl") {
      let path = Path.join(folder.journals, name)
      guard let bytes = try Self.read(path) else { continue }
      if path == folder.journal(epoch) { start = journal.count }
      journal += bytes.split(separator: UInt8(ascii: "\n")).compactMap(JournalEntry.decode)
    }
    currentStart = start ?? journal.count
  }

  /// Names in a folder, none where there is no such folder.
  private static func names(_ folder: String) throws(LedgerError) -> [String] {
    try LedgerError.wrapping { () throws(StorageError) in
      try FileStatus.of(folder) == nil ? [] : try Folder.list(folder)
    }
  }

  /// Bytes of a file, nil where there is none.
  private static func read(_ path: String) throws(LedgerError) -> [UInt8]? {
    try LedgerError.wrapping { () throws(StorageError) in
      try FileStatus.of(path) == nil ? nil : try WholeFile.read(path)
    }
  }
}
