import Ledger
import Merging
import Messaging
import Planning
import Publishing
import Safetensors
import Storage
import TestSupport
import Testing

@testable import Coordination

/// What the coordinator finds on disk when it looks at a worker's claim.
@Suite struct DiskThreadTests {
  let merge: TinyMerge
  let ledger: JobLedger
  let disk: DiskThread
  let attempt: AttemptID
  /// What a good worker's record says.
  var record: AttemptRecord

  init() throws {
    merge = try TinyMerge(jobs: 2)
    ledger = try merge.openLedger()
    disk = DiskThread(
      DiskWork(
        ledger: ledger, publication: merge.publication, jobs: merge.plan.jobs, overwrites: false))
    attempt = AttemptID(job: 0, epoch: ledger.epoch, attempt: 1)
    let start = Int(merge.encoded.slices[0].offset)
    let bytes = merge.encoded.bytes[start..<start + Int(merge.encoded.slices[0].byteCount)]
    let shard = try ShardMerge(
      slice: try PlanCodec.decodeSlice(Array(bytes)), threads: 1, memoryByteCount: 64_000_000
    ).run(to: ledger.folder.shard(attempt)) { _ in true }
    record = AttemptRecord(
      attempt: attempt, byteCount: shard.byteCount, digest: shard.digest.description,
      tensors: shard.tensors, host: "n1", processID: 77, milliseconds: 5, kernel: "plain")
  }

  /// Leaves a record as a worker would and checks the claim; the answers' events.
  func check(_ bytes: [UInt8]?, claiming digest: String? = nil) throws -> [CoordinatorMachine.Event]
  {
    if let bytes { try WholeFile.write(bytes, to: ledger.folder.record(attempt)) }
    disk.check(
      attempt, byteCount: record.byteCount, digest: record.digest,
      recordDigest: digest ?? Digest.xxh3(bytes ?? []).description)
    return answers()
  }

  func answers() -> [CoordinatorMachine.Event] {
    disk.drain()
    return disk.answers.takeAll().compactMap { answer in
      if case .event(let event) = answer { event } else { nil }
    }
  }

  func refusal(_ sentence: String) -> [CoordinatorMachine.Event] {
    [.checkFailed(attempt, reason: sentence)]
  }

  @Test func `a claim that holds is checked, committed and placed`() throws {
    #expect(try check(record.encode()) == [.checked(attempt)])
    disk.commit(attempt, readBackBy: "n2/78")
    #expect(answers() == [.committed(attempt)])
    #expect(ledger.committed[0]?.readBackBy == "n2/78")
    #expect(ledger.committed[0]?.host == "n1")
    let name = merge.plan.jobs[0].shardName
    #expect(try FileStatus.of(ledger.folder.published(name)) != nil)
    #expect(try FileStatus.of(ledger.folder.shard(attempt)) == nil)
  }

  @Test func `an attempt without its shard is refused`() throws {
    let path = ledger.folder.shard(attempt)
    try Folder.removeTree(path)
    #expect(
      try check(record.encode()) == refusal(PublishingError.shardMissing(path: path).sentence))
  }

  @Test func `an attempt without its record is refused`() throws {
    let path = ledger.folder.record(attempt)
    #expect(try check(nil) == refusal("cannot open \(path): No such file or directory"))
  }

  @Test func `a record that is not what its worker wrote is refused`() throws {
    let path = ledger.folder.record(attempt)
    let found = Digest.xxh3(record.encode()).description
    #expect(
      try check(record.encode(), claiming: "xxh3:other")
        == refusal("\(path) is not what its worker wrote: xxh3:other expected, \(found) found"))
  }

  @Test func `a record that cannot be read is refused`() throws {
    let path = ledger.folder.record(attempt)
    let events = try check(Array("{}".utf8))
    #expect(events == refusal("\(path) is damaged: member \"attempt\" is missing"))
  }

  @Test func `a record of another digest than claimed is refused`() throws {
    var other = record
    other.digest = Digest.xxh3("other").description
    let path = ledger.folder.record(attempt)
    let size = record.byteCount
    #expect(
      try check(other.encode())
        == refusal(
          "\(path) does not fit its worker's words: \(attempt), \(size) bytes, \(record.digest) "
            + "expected, \(attempt), \(size) bytes, \(other.digest) found"))
  }

  @Test func `a record of too few tensors is refused`() throws {
    var other = record
    other.tensors = []
    let path = ledger.folder.record(attempt)
    #expect(
      try check(other.encode())
        == refusal("\(path) does not fit its worker's words: 1 tensors expected, 0 found"))
  }

  @Test func `a second commit with other bytes is an alarm`() throws {
    let first = CommitRecord(
      job: 0, shardName: merge.plan.jobs[0].shardName, byteCount: record.byteCount,
      digest: Digest.xxh3("other").description, tensors: record.tensors,
      attempt: AttemptID(job: 0, epoch: ledger.epoch, attempt: 9), host: "n9", processID: 9,
      milliseconds: 1, readBackBy: "")
    _ = try ledger.commit(first)
    _ = try check(record.encode())
    disk.commit(attempt, readBackBy: "")
    #expect(
      answers() == [
        .commitFailed(
          attempt,
          reason: "\(merge.plan.jobs[0].shardName) was made twice with different bytes: "
            + "\(first.digest) by n9/9, \(record.digest) by n1/77; one of these machines computes "
            + "or stores wrongly: test both, then begin anew with --restart", noSpace: false)
      ])
  }

  @Test func `a commit that is taken back leaves its record as evidence and no shard`() throws {
    _ = try check(record.encode())
    disk.commit(attempt, readBackBy: "n2/78")
    _ = answers()
    disk.revoke(0)
    #expect(answers() == [.revoked(job: 0)])
    #expect(ledger.committed.isEmpty)
    #expect(try FileStatus.of(ledger.folder.published(merge.plan.jobs[0].shardName)) == nil)
    #expect(try Folder.list(ledger.folder.commits) == ["00000.bad-1.json"])
  }

  @Test func `a commit that is not there cannot be taken back`() throws {
    disk.revoke(0)
    guard case .revokeFailed(0, let reason)? = answers().first else {
      Issue.record("revoked nothing")
      return
    }
    #expect(reason.contains(ledger.folder.commits))
  }

  @Test func `a coordinator that was taken over commits, revokes and publishes nothing`() throws {
    _ = try check(record.encode())
    let later = try merge.takeOver()
    let reason =
      "coordinator \(later.epoch) has taken over \(ledger.folder.path) from this one, "
      + "coordinator \(ledger.epoch); this one stops"
    disk.commit(attempt, readBackBy: "n2/78")
    #expect(answers() == [.superseded(reason: reason)])
    disk.publish()
    #expect(answers() == [.superseded(reason: reason)])
    disk.beat()
    // A beat has a queue of its own.
    while disk.answers.wakeUp.descriptor >= 0 {
      let events = answers()
      if events.isEmpty {
        Host.pause(milliseconds: 10)
        continue
      }
      #expect(events == [.superseded(reason: reason)])
      break
    }
  }

  @Test func `a discarded attempt leaves no files`() throws {
    _ = try check(record.encode())
    disk.discard(attempt)
    disk.drain()
    #expect(try Folder.list(ledger.folder.attempts).isEmpty)
  }

  @Test func `half a checkpoint is not published`() throws {
    _ = try check(record.encode())
    disk.commit(attempt, readBackBy: "")
    _ = answers()
    disk.publish()
    guard case .publishFailed(_, let noSpace)? = answers().first else {
      Issue.record("published half a checkpoint")
      return
    }
    #expect(!noSpace)
    #expect(try FileStatus.of(merge.output) == nil)
  }
}
