// Taking up a job's folder: alone, with the plan it began with.
package import Planning
import Storage

extension JobLedger {
  /// How long another machine's heartbeat is watched before it counts as dead: three beats.
  package static let watchMilliseconds = 6_000

  /// Creates the job's folder and plan.json, or takes them up again; returns with the folder locked
  /// and this coordinator's epoch reserved.
  ///
  /// Refuses while another coordinator lives: on this machine by its lock, on another by its
  /// heartbeat. Refuses a plan that is not the one on disk, naming what differs.
  ///
  /// `takesOver`: instead of refusing, reserves the next epoch, from which on the other one cannot
  /// commit, and gives it a moment to see that and stop. `keepsAttempts`: workers may outlive their
  /// coordinator, so their files are left; see `orphans`.
  package static func open(
    _ folder: JobFolder, plan: MergePlan, encoded: EncodedPlan, takesOver: Bool = false,
    keepsAttempts: Bool = false, watchMilliseconds: Int = JobLedger.watchMilliseconds
  ) throws(LedgerError) -> JobLedger {
    if takesOver, let ledger = try takeOver(folder, plan: plan, encoded: encoded) { return ledger }
    try sweep(folder)
    try LedgerError.wrapping { () throws(StorageError) in
      try Folder.create(folder.path)
      try Folder.flush(Path.parent(folder.path))
    }
    let lock = try takeLock(folder)
    try LedgerError.wrapping { () throws(StorageError) in
      for path in [folder.epochs, folder.attempts, folder.commits, folder.journals] {
        try Folder.create(path, below: folder.path)
      }
      try Folder.flush(folder.path)
    }
    let last = try checkAlone(
      folder, lockIsReal: lock.isReal, watchMilliseconds: watchMilliseconds)
    // The plan first: a merge that may not go on leaves the folder as it was.
    try settlePlan(folder, plan: plan, encoded: encoded)
    let epoch = try reserveEpoch(
      folder, after: last, lockIsReal: lock.isReal, watchMilliseconds: watchMilliseconds)
    var pulse = Pulse(folder, epoch: epoch, isLocked: lock.isReal)
    let recovered = try recover(
      folder, plan: plan, keepsAttempts: keepsAttempts, pulse: &pulse)
    return JobLedger(
      folder: folder, epoch: epoch, lock: lock, recovered: recovered, beats: pulse.count)
  }

  /// Takes the job from a coordinator that lives, or may live; nil where there is none, and nothing
  /// to take.
  ///
  /// The order makes it safe: with the next epoch reserved the other one's commits fail, and it
  /// sees within a beat that it has to stop. One that is frozen and goes on later finds the same.
  private static func takeOver(
    _ folder: JobFolder, plan: MergePlan, encoded: EncodedPlan
  ) throws(LedgerError) -> JobLedger? {
    let status = try LedgerError.wrapping { () throws(StorageError) in
      try FileStatus.of(folder.plan)
    }
    guard status != nil else { return nil }
    try settlePlan(folder, plan: plan, encoded: encoded)
    let epoch = try reserveEpoch(
      folder, after: EpochRecord.numbers(in: folder).last ?? 0, lockIsReal: false,
      watchMilliseconds: nil)
    var lock: HeldLock?
    var pulse = Pulse(folder, epoch: epoch, isLocked: false)
    for _ in 0..<(takeoverMilliseconds / 250) {
      lock = try tryLock(folder)
      if lock != nil { break }
      Host.pause(milliseconds: 250)
      pulse.step(period: 4)
    }
    // Someone else may have taken over meanwhile, from this one.
    try EpochRecord.checkNewest(epoch, in: folder)
    let recovered = try recover(folder, plan: plan, keepsAttempts: true, pulse: &pulse)
    return JobLedger(
      folder: folder, epoch: epoch, lock: lock.take(), recovered: recovered, beats: pulse.count)
  }

  /// What another coordinator gets to see that it has been replaced: two beats and a commit.
  private static let takeoverMilliseconds = 6_000

  /// Removes what a run that was killed while it cleaned up left of its folder; nothing else that
  /// has the name.
  package static func sweep(_ folder: JobFolder) throws(LedgerError) {
    try LedgerError.wrapping { () throws(StorageError) in
      guard try FileStatus.of(folder.removed)?.isFolder == true,
        try Folder.list(folder.removed).allSatisfy(JobFolder.isOwnName)
      else { return }
      try Folder.removeTree(folder.removed)
    }
  }

  // MARK: Alone

  /// Takes the folder's lock for the life of the file.
  ///
  /// Tried for a second: `status` takes it for a moment to see whether it is free. A file system
  /// without locks gives it to everyone; the heartbeat then tells coordinators apart.
  static func takeLock(_ folder: JobFolder) throws(LedgerError) -> HeldLock {
    for attempt in 0..<10 {
      if attempt > 0 { Host.pause(milliseconds: 100) }
      if let lock = try tryLock(folder) { return lock }
    }
    let holder = try newestHeartbeat(folder)
    throw .running(
      folder: folder.path, host: holder?.host ?? "", processID: holder?.processID ?? 0)
  }

  /// Takes the folder's lock, nil where another process has it.
  static func tryLock(_ folder: JobFolder) throws(LedgerError) -> HeldLock? {
    var file = try LedgerError.wrapping { () throws(StorageError) in
      try File.openForUpdate(folder.lock)
    }
    let isReal: Bool
    do throws(StorageError) {
      guard try file.lock() else { return nil }
      isReal = true
    } catch {
      guard error.isLockUnsupported else { throw .storage(error) }
      isReal = false
    }
    // The folder may have been removed, lock and all, between opening and locking.
    let isSame = try LedgerError.wrapping { () throws(StorageError) in
      try FileStatus.of(folder.lock)?.inode == file.status().inode
    }
    return isSame ? HeldLock(file: file, isReal: isReal) : nil
  }

  /// Throws where the newest coordinator is of another machine and its heartbeat changes; its
  /// number, 0 where there was none.
  @discardableResult
  static func checkAlone(
    _ folder: JobFolder, lockIsReal: Bool, watchMilliseconds: Int
  ) throws(LedgerError) -> UInt64 {
    guard let number = try EpochRecord.numbers(in: folder).last else { return 0 }
    let path = folder.beat(number)
    guard let first = try Heartbeat.read(path) else { return number }
    let holder = Heartbeat.decode(first)
    // Of this machine: it would hold the lock, had it ever had it.
    if lockIsReal, let holder, holder.isLocked, holder.host == Host.name,
      holder.bootID == Host.bootID
    {
      return number
    }
    let step = 250
    for _ in 0..<max(1, watchMilliseconds / step) {
      Host.pause(milliseconds: min(step, watchMilliseconds))
      guard let now = try Heartbeat.read(path), now != first else { continue }
      throw .running(
        folder: folder.path, host: holder?.host ?? "", processID: holder?.processID ?? 0)
    }
    return number
  }

  static func newestHeartbeat(_ folder: JobFolder) throws(LedgerError) -> Heartbeat? {
    guard let number = try EpochRecord.numbers(in: folder).last,
      let bytes = try Heartbeat.read(folder.beat(number))
    else { return nil }
    return Heartbeat.decode(bytes)
  }

  /// Makes the first heartbeat of the epoch after the last one that was looked at; whoever makes it
  /// has the epoch. One that is there by then is another coordinator's: it has begun meanwhile.
  ///
  /// Without `watchMilliseconds` nobody is looked out for.
  private static func reserveEpoch(
    _ folder: JobFolder, after last: UInt64, lockIsReal: Bool, watchMilliseconds: Int?
  ) throws(LedgerError) -> UInt64 {
    var epoch = last
    while true {
      // By one each time: a list may be old, and shows the same number again.
      epoch += 1
      let isOurs = try LedgerError.wrapping { () throws(StorageError) in
        try WholeFile.createIfAbsent(
          heartbeat(0, isLocked: lockIsReal).encode(), at: folder.beat(epoch))
      }
      if isOurs { return epoch }
      guard let watchMilliseconds else { continue }
      try checkAlone(
        folder, lockIsReal: lockIsReal, watchMilliseconds: watchMilliseconds)
    }
  }

  // MARK: The plan

  /// Writes the plan, or makes sure that the one on disk is the same.
  private static func settlePlan(
    _ folder: JobFolder, plan: MergePlan, encoded: EncodedPlan
  ) throws(LedgerError) {
    let onDisk = try LedgerError.wrapping { () throws(StorageError) -> [UInt8]? in
      if try WholeFile.createIfAbsent(encoded.bytes, at: folder.plan) { return nil }
      return try WholeFile.read(folder.plan, limit: planByteCountMax)
    }
    guard let onDisk, onDisk != encoded.bytes else { return }
    let first: MergePlan
    do throws(PlanError) { first = try PlanCodec.decode(onDisk) } catch {
      throw .unreadable(path: folder.plan, error)
    }
    throw .planChanged(
      folder: folder.path,
      difference: PlanCodec.difference(onDisk: first, now: plan)
        ?? "plan.json was edited")
  }

  /// Far beyond any plan: a trillion parameters need some 100 MB.
  static let planByteCountMax: Int64 = 1 << 34
}

/// The lock of a job's folder, held until this value goes.
struct HeldLock: ~Copyable, Sendable {
  let file: File
  /// False on a file system without locks, which gave it to everyone who asked.
  let isReal: Bool
}
