// Taking a merge up again: what counts as done, what is refused, what is swept away.
import Planning
import Storage
import TestSupport
import Testing

@testable import Ledger

struct JobLedgerTests {
  // MARK: Opening

  @Test func `a new folder gets the plan and the first epoch`() throws {
    let merge = try TinyMerge()
    let ledger = try merge.open()
    #expect(ledger.epoch == 1)
    #expect(ledger.committed.isEmpty)
    #expect(try WholeFile.read(merge.folder.plan) == merge.encoded.bytes)
    #expect(try merge.exists(merge.folder.attempts))
  }

  @Test func `each life has a higher epoch`() throws {
    let merge = try TinyMerge()
    for epoch in 1...3 {
      let ledger = try merge.open()
      #expect(ledger.epoch == UInt64(epoch))
    }
  }

  @Test func `commits are found again`() throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      try merge.writeAttempt(0)
      #expect(try ledger.commit(merge.commitRecord(0)) == .created)
      #expect(ledger.committed == [0: merge.commitRecord(0)])
    }
    let ledger = try merge.open()
    #expect(ledger.committed == [0: merge.commitRecord(0)])
    #expect(ledger.setAside.isEmpty)
  }

  @Test func `a second coordinator on this machine is refused`() throws {
    let merge = try TinyMerge()
    let first = try merge.open()
    let error = #expect(throws: LedgerError.self) { _ = try merge.open() }
    #expect(
      error?.sentence == "a coordinator is at work on \(merge.folder.path) already: process "
        + "\(Host.processID) on \(Host.name); wait for it, stop it first, or take its place with --takeover"
    )
    #expect(first.epoch == 1)
  }

  @Test func `a live coordinator on another machine is refused`() throws {
    let merge = try TinyMerge()
    try Folder.create(merge.folder.epochs)
    let path = merge.folder.beat(4)
    @Sendable func beat(_ number: UInt64) throws {
      let heartbeat = Heartbeat(
        beat: number, host: "far", bootID: "b", processID: 9, isLocked: true)
      try WholeFile.write(heartbeat.encode(), to: path)
    }
    try beat(1)
    let other = BeatingThread { number in try beat(number) }
    let error = #expect(throws: LedgerError.self) {
      _ = try JobLedger.open(
        merge.folder, plan: merge.plan, encoded: merge.encoded, watchMilliseconds: 5000)
    }
    other.stop()
    #expect(
      error?.sentence == "a coordinator is at work on \(merge.folder.path) already: process 9 "
        + "on far; wait for it, stop it first, or take its place with --takeover")
    #expect(try !merge.exists(merge.folder.plan))
    // Once it is silent, its job is taken over.
    #expect(try merge.open().epoch == 5)
  }

  @Test func `a changed plan is refused by the field's name`() throws {
    let merge = try TinyMerge()
    do { _ = try merge.open() }
    var changed = merge.plan
    changed.options.layout = .source
    let error = #expect(throws: LedgerError.self) {
      _ = try JobLedger.open(merge.folder, plan: changed, encoded: PlanCodec.encode(changed))
    }
    #expect(
      error?.sentence == "the merge in \(merge.folder.path) began differently: --layout was "
        + "layers, is now source; give the same inputs and options to go on, or --restart to "
        + "begin anew")
  }

  @Test func `a damaged plan is refused`() throws {
    let merge = try TinyMerge()
    do { _ = try merge.open() }
    try WholeFile.write(Array("{\"plan\":1}".utf8), to: merge.folder.plan)
    let error = #expect(throws: LedgerError.self) { _ = try merge.open() }
    #expect(
      error?.sentence == "\(merge.folder.plan) is damaged: member \"contract\" is missing; "
        + "--restart begins the merge anew")
  }

  // MARK: Recovery

  @Test(arguments: [
    "{}", "{\"job\":0", "not JSON at all",
  ])
  func `a damaged commit record is set aside`(text: String) throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      try merge.writePublished(0)
      _ = try ledger.commit(merge.commitRecord(0))
    }
    try WholeFile.write(Array(text.utf8), to: merge.folder.commit(0))
    do {
      let ledger = try merge.open()
      #expect(ledger.committed.isEmpty)
      #expect(ledger.setAside.map(\.job) == [0])
      // The evidence stays; the shard nobody vouches for goes.
      #expect(try Folder.list(merge.folder.commits) == ["00000.bad-1.json"])
      #expect(try !merge.exists(merge.folder.published(merge.plan.jobs[0].shardName)))
      _ = try ledger.commit(merge.commitRecord(0))
    }
    // The shard is lost this time: the next free number is taken.
    let ledger = try merge.open()
    #expect(ledger.setAside == [.init(job: 0, reason: .shard(.absent))])
    #expect(
      try Folder.list(merge.folder.commits) == ["00000.bad-1.json", "00000.bad-2.json"])
  }

  @Test func `a lost shard undoes its commit`() throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      for job in 0...1 {
        try merge.writePublished(job)
        _ = try ledger.commit(merge.commitRecord(job))
      }
    }
    try Folder.removeTree(merge.folder.published(merge.plan.jobs[1].shardName))
    let ledger = try merge.open()
    #expect(ledger.committed.keys.sorted() == [0])
    #expect(ledger.setAside == [.init(job: 1, reason: .shard(.absent))])
  }

  @Test func `a shard cut short or with another header undoes its commit`() throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      for job in 0...1 { _ = try ledger.commit(merge.commitRecord(job)) }
    }
    let byteCount = merge.plan.jobs[0].byteCount
    try merge.writePublished(0, Array(merge.shard(0).dropLast()))
    var other = merge.shard(1)
    other[20] ^= 1
    try merge.writePublished(1, other)
    let ledger = try merge.open()
    #expect(
      ledger.setAside == [
        .init(job: 0, reason: .shard(.size(expected: byteCount, found: byteCount - 1))),
        .init(job: 1, reason: .shard(.header(offset: 20))),
      ])
    #expect(try Folder.list(merge.folder.publish).isEmpty)
  }

  @Test func `a record of another shard is set aside`() throws {
    let merge = try TinyMerge()
    do { _ = try merge.open() }
    try merge.writePublished(0)
    var record = merge.commitRecord(0)
    record.shardName = "other.safetensors"
    try WholeFile.write(record.encode(), to: merge.folder.commit(0))
    try WholeFile.write(merge.commitRecord(0).encode(), to: merge.folder.commit(77))
    let ledger = try merge.open()
    // What is no job's record is nobody's business.
    #expect(ledger.setAside == [.init(job: 0, reason: .foreign)])
  }

  @Test func `attempts of no committed job are removed`() throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      for job in 0...1 { try merge.writeAttempt(job) }
      _ = try ledger.commit(merge.commitRecord(1))
    }
    try WholeFile.write([1], to: merge.folder.attempts + "/00001-e1-a2.shard")
    _ = try merge.open()
    #expect(try Folder.list(merge.folder.attempts) == ["00001-e1-a1.shard"])
  }

  @Test func `what a crash left half written is removed`() throws {
    let merge = try TinyMerge()
    do { _ = try merge.open() }
    for path in [merge.folder.plan, merge.folder.commit(0), merge.folder.epoch(1)] {
      try WholeFile.write([1], to: path + ".part-1-x")
    }
    _ = try merge.open()
    #expect(try !merge.exists(merge.folder.plan + ".part-1-x"))
    #expect(try Folder.list(merge.folder.commits).isEmpty)
    #expect(try Folder.list(merge.folder.epochs) == ["000001.beat", "000002.beat"])
  }

  // MARK: Commits

  @Test func `a second commit of a job is the same or an alarm`() throws {
    let merge = try TinyMerge()
    let ledger = try merge.open()
    let first = merge.commitRecord(0)
    #expect(try ledger.commit(first) == .created)
    var second = first
    second.host = "other"
    second.attempt.attempt = 2
    #expect(try ledger.commit(second) == .same)
    second.digest = TinyMerge.digest(99)
    #expect(try ledger.commit(second) == .different(first))
    #expect(ledger.committed[0] == first)
    #expect(try CommitRecord.decode(WholeFile.read(merge.folder.commit(0))) == first)
  }

  @Test func `a coordinator that was taken for dead commits nothing`() throws {
    let merge = try TinyMerge()
    let ledger = try merge.open()
    let other = Heartbeat(beat: 1, host: "far", bootID: "b", processID: 9, isLocked: true)
    try WholeFile.write(other.encode(), to: merge.folder.beat(2))
    let error = #expect(throws: LedgerError.self) {
      try ledger.commit(merge.commitRecord(0))
    }
    #expect(
      error?.sentence
        == "coordinator 2 has taken over \(merge.folder.path) from this one, coordinator 1; "
        + "this one stops")
  }

  @Test func `a full disk is known as such`() {
    let full = StorageError.noSpace(path: "/x", neededByteCount: 5)
    #expect(LedgerError.storage(full).isNoSpace)
    #expect(LedgerError.storage(full).sentence == full.sentence)
    #expect(!LedgerError.noJob(folder: "/x").isNoSpace)
  }

  // MARK: The end

  @Test func `a removed folder leaves nothing behind`() throws {
    let merge = try TinyMerge()
    let ledger = try merge.open()
    try merge.writePublished(0)
    try ledger.remove()
    #expect(try Folder.list(merge.scratch.path).isEmpty)
  }

  @Test func `a folder is discarded for a restart unless a coordinator lives`() throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      #expect(throws: LedgerError.self) { try JobLedger.discard(merge.folder) }
      #expect(ledger.epoch == 1)
    }
    try JobLedger.discard(merge.folder)
    #expect(try !merge.exists(merge.folder.path))
    try JobLedger.discard(merge.folder)
  }
}
