// What `status` sees, beside a coordinator and after it.
import Planning
import Storage
import Testing

@testable import Ledger

struct JobHistoryTests {
  private func epoch(_ number: UInt64) -> EpochRecord {
    EpochRecord(
      number: number, host: "n1", bootID: "b", processID: 5, endpoint: "tcp://n1:5555",
      publicKey: String(repeating: "k", count: 40))
  }

  @Test func `history tells of plan, commits, epochs and what happened`() throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      try ledger.announce(epoch(1))
      ledger.note(JournalEntry(kind: "joined", worker: "n1/7"))
      ledger.note(
        JournalEntry(time: 5, kind: "committed", attempt: merge.attempt(0), text: "é\n"))
      _ = try ledger.commit(merge.commitRecord(0))
      let history = try JobHistory.read(merge.folder)
      #expect(history.isRunning)
      #expect(history.host == Host.name)
      #expect(history.processID == Host.processID)
    }
    let history = try JobHistory.read(merge.folder)
    #expect(!history.isRunning)
    #expect(history.plan == merge.plan)
    #expect(history.planDigest == merge.encoded.digest.description)
    #expect(history.committed == [0: merge.commitRecord(0)])
    #expect(history.epochs == [epoch(1)])
    #expect(try EpochRecord.newest(in: merge.folder) == epoch(1))
    #expect(history.journal.map(\.kind) == ["joined", "committed"])
    #expect(history.journal[0].time > 0)
    #expect(
      history.journal[1]
        == JournalEntry(time: 5, kind: "committed", attempt: merge.attempt(0), text: "é\n"))
  }

  @Test func `history keeps the order of lives and passes over torn lines`() throws {
    let merge = try TinyMerge()
    for life in ["first", "second"] {
      let ledger = try merge.open()
      ledger.note(JournalEntry(kind: life))
    }
    let path = merge.folder.journal(1)
    try WholeFile.write(
      WholeFile.read(path) + Array("{\"time\":1,\"kind\":\"to".utf8), to: path)
    let history = try JobHistory.read(merge.folder)
    #expect(history.journal.map(\.kind) == ["first", "second"])
    #expect(history.epoch == 2)
    #expect(history.currentStart == 1)
  }

  @Test func `deleting the journal loses nothing`() throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      ledger.note(JournalEntry(kind: "joined"))
      try merge.writeAttempt(0)
      _ = try ledger.commit(merge.commitRecord(0))
      try Folder.removeTree(merge.folder.journals)
      ledger.note(JournalEntry(kind: "left"))
    }
    let history = try JobHistory.read(merge.folder)
    #expect(history.journal.isEmpty)
    #expect(history.epoch == 1 && history.currentStart == 0)
    #expect(history.committed.count == 1)
    let ledger = try merge.open()
    #expect(ledger.committed.count == 1)
  }

  @Test func `a folder that is not there has no history`() throws {
    let merge = try TinyMerge()
    let error = #expect(throws: LedgerError.self) { try JobHistory.read(merge.folder) }
    #expect(
      error?.sentence == "there is no \(merge.folder.path): no merge was begun there, or it is "
        + "finished; shardweld verify checks a finished one")
  }

  @Test func `records set aside are told by name`() throws {
    let merge = try TinyMerge()
    do { _ = try merge.open() }
    try WholeFile.write([1], to: merge.folder.commit(0))
    try WholeFile.write([1], to: merge.folder.commits + "/00001.bad-1.json")
    let history = try JobHistory.read(merge.folder)
    #expect(history.committed.isEmpty)
    #expect(history.setAside == ["00000.json", "00001.bad-1.json"])
  }

  @Test func `a beat changes the file that others watch`() throws {
    let merge = try TinyMerge()
    let ledger = try merge.open()
    let path = merge.folder.beat(1)
    let before = try WholeFile.read(path)
    ledger.beat()
    let after = try WholeFile.read(path)
    #expect(before != after)
    #expect(Heartbeat.decode(after) == JobLedger.heartbeat(1, isLocked: true))
  }
}
