import Glibc
// What is durably done of one merge, and this coordinator's hold on it. Everything that decides
// lies in plan.json and commit/; the journal is for people. May be used from several threads.
package import Planning
import Storage
import Synchronization

/// The coordinator's hold on a job's folder, from `open` until it is released.
package final class JobLedger: Sendable {
  package let folder: JobFolder
  /// This coordinator's life: higher than any before it.
  package let epoch: UInt64
  /// Commit records that recovery set aside, with the reason; for the log.
  package let setAside: [SetAside]
  /// Attempts of earlier coordinators whose files were left: their workers may yet report them.
  package let orphans: [AttemptID]

  private let state: Mutex<State>

  private struct State: ~Copyable {
    /// Nil while a coordinator that was replaced does not let go of it.
    var lock: HeldLock?
    var committed: [Int: CommitRecord]
    var beats: UInt64
    var journal: File?
    var journalByteCount: Int64
  }

  /// A commit record that no longer holds.
  package struct SetAside: Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
      /// The record itself is damaged.
      case unreadable(PlanError)
      /// It speaks of another shard than the plan.
      case foreign
      /// The shard it speaks of is gone or another.
      case shard(ShardState)
    }
    package var job: Int
    package var reason: Reason
  }

  init(
    folder: JobFolder, epoch: UInt64, lock: consuming HeldLock?, recovered: Recovered,
    beats: UInt64
  ) {
    self.folder = folder
    self.epoch = epoch
    setAside = recovered.setAside
    orphans = recovered.orphans
    state = Mutex(
      State(
        lock: lock, committed: recovered.committed, beats: beats,
        journal: Self.newJournal(folder.journal(epoch)),
        journalByteCount: 0))
  }

  /// Records of all jobs that are done.
  package var committed: [Int: CommitRecord] { state.withLock { $0.committed } }

  // MARK: Commits

  package enum CommitResult: Equatable, Sendable {
    /// This call made the record.
    case created
    /// The job was committed before with the same bytes: a repeated or a second result.
    case same
    /// The job was committed before with other bytes, which a deterministic merge cannot do: an
    /// alarm. The first record stands.
    case different(CommitRecord)
  }

  /// Records durably that a job is done. The first record of a job stands for ever.
  package func commit(_ record: CommitRecord) throws(LedgerError) -> CommitResult {
    try checkAuthority()
    let path = folder.commit(record.job)
    let isNew = try LedgerError.wrapping { () throws(StorageError) in
      try WholeFile.createIfAbsent(record.encode(), at: path)
    }
    if isNew {
      state.withLock { $0.committed[record.job] = record }
      return .created
    }
    let standing = try Self.readCommit(path)
    state.withLock { $0.committed[record.job] = standing }
    return standing.agrees(with: record) ? .same : .different(standing)
  }

  /// Takes a commit back durably: its record is set aside as evidence, its shard loses its name.
  package func revoke(_ job: MergeJob) throws(LedgerError) {
    try checkAuthority()
    try Self.setAside(folder.commit(job.id))
    try LedgerError.wrapping { () throws(StorageError) in
      let shard = folder.published(job.shardName)
      guard try FileStatus.of(shard) != nil else { return }
      try Folder.removeTree(shard)
      try Folder.flush(Path.parent(shard))
    }
    state.withLock { $0.committed[job.id] = nil }
  }

  /// Throws where a later coordinator has taken the job over: this one decides nothing any more.
  package func checkAuthority() throws(LedgerError) {
    try EpochRecord.checkNewest(epoch, in: folder)
  }

  /// The record of an orphan that its worker finished, with the digest of the record's bytes; nil
  /// where shard or record are not whole, or cannot be read now.
  package func finished(
    _ orphan: AttemptID, of job: MergeJob
  ) -> (record: AttemptRecord, digest: String)? {
    do {
      guard try ShardState.of(folder.shard(orphan), job: job) == .asPlanned,
        let bytes = try WholeFile.readIfThere(folder.record(orphan))
      else { return nil }
      let record = try AttemptRecord.decode(bytes)
      guard record.attempt == orphan, record.byteCount == job.byteCount else { return nil }
      return (record, Digest.xxh3(bytes).description)
    } catch {
      return nil
    }
  }

  static func readCommit(_ path: String) throws(LedgerError) -> CommitRecord {
    guard let record = try readCommitIfThere(path) else {
      throw .storage(.refused(.open, path: path, errno: ENOENT))
    }
    return record
  }

  static func readCommitIfThere(_ path: String) throws(LedgerError) -> CommitRecord? {
    let bytes = try LedgerError.wrapping { () throws(StorageError) in
      try WholeFile.readIfThere(path)
    }
    guard let bytes else { return nil }
    do throws(PlanError) { return try CommitRecord.decode(bytes) } catch {
      throw .unreadable(path: path, error)
    }
  }

  // MARK: Being alive

  /// Tells workers, durably, where this coordinator is reached.
  package func announce(_ record: EpochRecord) throws(LedgerError) {
    invariant(record.number == epoch, "epoch \(record.number) announced by epoch \(epoch)")
    try LedgerError.wrapping { () throws(StorageError) in
      try WholeFile.write(record.encode(), to: folder.epoch(epoch))
    }
  }

  /// Shows other machines that this coordinator lives; to be called every two seconds.
  ///
  /// A beat that cannot be written is left out: at worst another coordinator takes over, and then
  /// `commit` says so.
  package func beat() {
    let (number, isLocked) = state.withLock { state in
      state.beats += 1
      if state.lock == nil { state.lock = Self.freedLock(folder) }
      return (state.beats, state.lock?.isReal == true)
    }
    do throws(StorageError) {
      try Self.write(Self.heartbeat(number, isLocked: isLocked), to: folder.beat(epoch))
    } catch {
      return
    }
  }

  /// The lock of a coordinator that this one replaced, once that has let go of it.
  private static func freedLock(_ folder: JobFolder) -> HeldLock? {
    do throws(LedgerError) { return try tryLock(folder) } catch { return nil }
  }

  static func heartbeat(_ number: UInt64, isLocked: Bool) -> Heartbeat {
    Heartbeat(
      beat: number, host: Host.name, bootID: Host.bootID, processID: Host.processID,
      isLocked: isLocked)
  }

  /// Not durable: a beat of before a power cut is worth nothing. Closed at once, since only that
  /// makes it seen on other hosts of a network file system.
  static func write(_ heartbeat: Heartbeat, to path: String) throws(StorageError) {
    let file = try File.openForUpdate(path)
    try file.write(heartbeat.encode(), at: 0)
    try file.close()
  }

  // MARK: History

  /// Adds a line to the history. Nothing depends on it, so what goes wrong here is passed over.
  package func note(_ entry: JournalEntry) {
    var entry = entry
    if entry.time == 0 { entry.time = Host.milliseconds }
    let line = entry.encode()
    state.withLock { state in
      guard state.journal != nil else { return }
      do throws(StorageError) {
        try state.journal!.write(line, at: state.journalByteCount)
        state.journalByteCount += Int64(line.count)
      } catch {
        state.journal = nil
      }
    }
  }

  private static func newJournal(_ path: String) -> File? {
    do throws(StorageError) { return try File.create(path) } catch { return nil }
  }

  // MARK: The end

  /// Removes the job's folder with all it holds, after success.
  package func remove() throws(LedgerError) { try Self.remove(folder) }

  /// Removes the folder of a merge that shall not go on, whatever it holds; refuses while a
  /// coordinator lives. No folder is fine.
  package static func discard(_ folder: JobFolder) throws(LedgerError) {
    let status = try LedgerError.wrapping { () throws(StorageError) in
      try FileStatus.of(folder.path)
    }
    guard status != nil else { return }
    let lock = try takeLock(folder)
    try checkAlone(folder, lockIsReal: lock.isReal, watchMilliseconds: watchMilliseconds)
    try remove(folder)
    _ = consume lock
  }

  /// The folder takes another name first: what a crash leaves behind is no job's folder any more.
  private static func remove(_ folder: JobFolder) throws(LedgerError) {
    try LedgerError.wrapping { () throws(StorageError) in
      try Folder.removeTree(folder.removed)
      try Folder.move(from: folder.path, to: folder.removed)
      try Folder.removeTree(folder.removed)
      try Folder.flush(Path.parent(folder.path))
    }
  }
}
