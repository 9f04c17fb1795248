// A coordinator that takes the place of another, and what becomes of its workers' files.
import Dispatch
import Planning
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Ledger

struct TakeoverTests {
  private func takeOver(_ merge: TinyMerge, plan: MergePlan? = nil) throws -> JobLedger {
    let plan = plan ?? merge.plan
    return try JobLedger.open(
      merge.folder, plan: plan, encoded: PlanCodec.encode(plan), takesOver: true,
      keepsAttempts: true, watchMilliseconds: 300)
  }

  @Test func `a job is taken from a coordinator that lives and holds the lock`() throws {
    let merge = try TinyMerge()
    let first = try merge.open()
    for job in 0...1 { try merge.writeAttempt(job) }
    _ = try first.commit(merge.commitRecord(0))
    let second = try takeOver(merge)
    #expect(second.epoch == 2)
    #expect(second.committed == [0: merge.commitRecord(0)])
    // What its workers are at stays, and so does what is committed and not yet in place.
    #expect(second.orphans == [merge.attempt(1)])
    #expect(
      try Folder.list(merge.folder.attempts) == [
        "00000-e1-a1.shard", "00001-e1-a1.json", "00001-e1-a1.shard",
      ])
    // The first one decides nothing any more.
    let sentence =
      "coordinator 2 has taken over \(merge.folder.path) from this one, coordinator 1; this one "
      + "stops"
    let steps: [() throws -> Void] = [
      { try first.checkAuthority() }, { _ = try first.commit(merge.commitRecord(1)) },
      { try first.revoke(merge.plan.jobs[0]) },
    ]
    for step in steps {
      let error = #expect(throws: LedgerError.self) { try step() }
      #expect(error?.sentence == sentence)
    }
    #expect(try !merge.exists(merge.folder.commit(1)))
    #expect(throws: Never.self) { try second.checkAuthority() }
    #expect(try second.commit(merge.commitRecord(1)) == .created)
  }

  @Test func `one that opens meanwhile is refused, not put in its place`() throws {
    let merge = try TinyMerge()
    _ = try merge.open()
    // The first one was of a machine that is gone, and is watched for a while.
    let beats = Mutex<UInt64>(0)
    @Sendable func beat(_ epoch: UInt64, host: String) throws {
      let count = beats.withLock { count in
        count += 1
        return count
      }
      let heartbeat = Heartbeat(
        beat: count, host: host, bootID: host, processID: 9, isLocked: false)
      try WholeFile.write(heartbeat.encode(), to: merge.folder.beat(epoch))
    }
    try beat(1, host: "gone")
    // While it is watched the job is taken over, by one that cannot have the lock.
    let kernel = WriteBackKernel(resting: {
      do { try beat(2, host: "far") } catch { Issue.record(error) }
    })
    let error = #expect(throws: LedgerError.self) {
      try Host.$kernel.withValue(kernel) { try merge.open() }
    }
    #expect(error == .running(folder: merge.folder.path, host: "far", processID: 9))
    #expect(try !merge.exists(merge.folder.beat(3)))
  }

  @Test func `one that lets go within the time is followed with its lock`() throws {
    let merge = try TinyMerge()
    let first = Mutex<JobLedger?>(try merge.open())
    let watch = DispatchQueue(label: "first coordinator")
    watch.async {
      while true {
        Host.pause(milliseconds: 20)
        do { try first.withLock { try $0?.checkAuthority() } } catch { break }
      }
      first.withLock { $0 = nil }
    }
    let began = Host.milliseconds
    let second = try takeOver(merge)
    #expect(Host.milliseconds - began < 5_000)
    watch.sync {}
    // It holds the lock as any coordinator does.
    #expect(throws: LedgerError.self) { try merge.open() }
    #expect(second.epoch == 2)
  }

  @Test func `one that took over without the lock takes it once it is free`() throws {
    let merge = try TinyMerge()
    var first: JobLedger? = try merge.open()
    let second = try takeOver(merge)
    func heartbeat() throws -> Heartbeat? {
      try Heartbeat.read(merge.folder.beat(2)).flatMap(Heartbeat.decode)
    }
    second.beat()
    #expect(try heartbeat()?.isLocked == false)
    #expect(first?.epoch == 1)
    first = nil
    second.beat()
    #expect(try heartbeat()?.isLocked == true)
    let error = #expect(throws: LedgerError.self) { try merge.open() }
    #expect(error?.sentence.contains("a coordinator is at work on") == true)
  }

  @Test func `one that waits for the other to let go shows that it lives`() throws {
    let merge = try TinyMerge()
    let first = try merge.open()
    let beats = Mutex<Set<UInt64>>([])
    let watch = DispatchQueue(label: "watcher")
    let isOver = Atomic<Bool>(false)
    watch.async {
      while !isOver.load(ordering: .relaxed) {
        Host.pause(milliseconds: 50)
        do {
          guard let bytes = try Heartbeat.read(merge.folder.beat(2)) else { continue }
          if let beat = Heartbeat.decode(bytes)?.beat { beats.withLock { _ = $0.insert(beat) } }
        } catch { continue }
      }
    }
    let second = try takeOver(merge)
    isOver.store(true, ordering: .relaxed)
    watch.sync {}
    #expect(second.epoch == first.epoch + 1)
    #expect(beats.withLock { $0.isSuperset(of: [0, 1, 2, 3, 4]) })
    // And goes on counting: a beat that was seen before would be none.
    second.beat()
    let last = try Heartbeat.read(merge.folder.beat(2)).flatMap(Heartbeat.decode)
    #expect(last.map { $0.beat > beats.withLock { $0.max() ?? 0 } } == true)
  }

  @Test func `a job that nobody holds is taken over at once`() throws {
    let merge = try TinyMerge()
    do { _ = try merge.open() }
    let began = Host.milliseconds
    let second = try takeOver(merge)
    #expect(second.epoch == 2)
    #expect(Host.milliseconds - began < 2_000)
  }

  @Test func `where nothing was begun it is begun`() throws {
    let merge = try TinyMerge()
    let ledger = try takeOver(merge)
    #expect(ledger.epoch == 1)
    #expect(try merge.exists(merge.folder.plan))
  }

  @Test func `a job of another plan is not taken over, and its coordinator goes on`() throws {
    let merge = try TinyMerge()
    let first = try merge.open()
    var changed = merge.plan
    changed.options.layout = .source
    let error = #expect(throws: LedgerError.self) { try takeOver(merge, plan: changed) }
    #expect(error?.sentence.contains("--layout was layers, is now source") == true)
    #expect(throws: Never.self) { try first.checkAuthority() }
  }

  // MARK: Orphans

  @Test func `attempts of open jobs are kept where workers outlive their coordinator`() throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      for job in 0...1 { try merge.writeAttempt(job) }
      _ = try ledger.commit(merge.commitRecord(1))
    }
    // One whose record is not written yet, one of no job, and one that is no attempt's.
    let later = AttemptID(job: 0, epoch: 1, attempt: 2)
    try WholeFile.write([1], to: merge.folder.shard(later))
    try WholeFile.write([1], to: merge.folder.shard(AttemptID(job: 9, epoch: 1, attempt: 1)))
    try WholeFile.write([1], to: merge.folder.attempts + "/notes.shard")
    let ledger = try JobLedger.open(
      merge.folder, plan: merge.plan, encoded: merge.encoded, keepsAttempts: true,
      watchMilliseconds: 300)
    #expect(ledger.orphans == [merge.attempt(0), later])
    #expect(
      try Folder.list(merge.folder.attempts) == [
        "00000-e1-a1.json", "00000-e1-a1.shard", "00000-e1-a2.shard",
        "00001-e1-a1.shard",
      ])
  }

  @Test func `attempts are swept where no worker can be left`() throws {
    let merge = try TinyMerge()
    do {
      _ = try merge.open()
      try merge.writeAttempt(0)
    }
    let ledger = try merge.open()
    #expect(ledger.orphans.isEmpty)
    #expect(try Folder.list(merge.folder.attempts).isEmpty)
  }

  // MARK: Revoking

  @Test func `a commit that is taken back leaves its record as evidence and no shard`() throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      try merge.writePublished(0)
      _ = try ledger.commit(merge.commitRecord(0))
      try ledger.revoke(merge.plan.jobs[0])
      #expect(ledger.committed.isEmpty)
      #expect(try Folder.list(merge.folder.commits) == ["00000.bad-1.json"])
      #expect(try !merge.exists(merge.folder.published(merge.plan.jobs[0].shardName)))
      // Another attempt may take its place.
      var second = merge.commitRecord(0)
      second.digest = TinyMerge.digest(99)
      second.attempt.attempt = 3
      #expect(try ledger.commit(second) == .created)
    }
    let history = try JobHistory.read(merge.folder)
    #expect(history.committed[0]?.attempt.attempt == 3)
    #expect(history.setAside == ["00000.bad-1.json"])
  }

  @Test func `a commit that is not in place yet is taken back too`() throws {
    let merge = try TinyMerge()
    let ledger = try merge.open()
    _ = try ledger.commit(merge.commitRecord(0))
    try ledger.revoke(merge.plan.jobs[0])
    #expect(ledger.committed.isEmpty)
  }

  @Test func `what was never committed cannot be taken back`() throws {
    let merge = try TinyMerge()
    let ledger = try merge.open()
    #expect(throws: LedgerError.self) { try ledger.revoke(merge.plan.jobs[0]) }
  }
}
