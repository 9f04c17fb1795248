// The soak's judge: it must find what it is there to find.
import Ledger
import Planning
import Storage
import TestSupport
import Testing

@testable import shardweld_bench

struct SoakHistoryTests {
  private let scratch = Scratch()
  private var folder: JobFolder { JobFolder(path: scratch("job")) }

  /// Writes one journal; each line is a time, a kind, job and number, and who.
  private func journal(
    epoch: UInt64 = 1, _ lines: [(Int64, String, Int, Int, String)]
  ) throws {
    let bytes = lines.flatMap { time, kind, job, number, worker in
      JournalEntry(
        time: time, kind: kind, attempt: AttemptID(job: job, epoch: epoch, attempt: number),
        worker: worker, text: kind == "assigned" ? "merge" : ""
      ).encode()
    }
    try scratch.write("job/journal/00000\(epoch).jsonl", bytes)
    try Folder.create(folder.commits)
  }

  private func commit(_ job: Int, epoch: UInt64) throws {
    let record = CommitRecord(
      job: job, shardName: "s", byteCount: 1, digest: Digest.xxh3("").description, tensors: [],
      attempt: AttemptID(job: job, epoch: epoch, attempt: 1), host: "h", processID: 1,
      milliseconds: 1, readBackBy: "")
    try scratch.write("job/commit/0000\(job).json", record.encode())
  }

  private func strike(
    _ blow: SoakBlow, at time: Int64, epoch: UInt64 = 1, worker: String = ""
  ) -> SoakStrike {
    SoakStrike(blow: blow, time: time, epoch: epoch, worker: worker)
  }

  @Test func `a job may be done again that was in flight on a killed worker, no other`() throws {
    try journal([
      (10, "assigned", 0, 1, "h/1"), (10, "assigned", 1, 1, "h/2"), (20, "merged", 1, 1, "h/2"),
      (50, "assigned", 0, 2, "h/2"), (60, "assigned", 1, 2, "h/2"),
    ])
    var history = try SoakHistory(folder)
    #expect(history.inFlight(strike(.killWorker, at: 30, worker: "h/1")).map(\.job) == [0])
    // Job 1 had been merged when its worker was hit.
    #expect(history.inFlight(strike(.killWorker, at: 30, worker: "h/2")).count == 2)
    #expect(history.recomputed(after: [strike(.killWorker, at: 30, worker: "h/1")]) == 2)
    #expect(
      history.faults
        == ["job 1 was merged as 00001-e1-a1, 00001-e1-a2, of which 0 were in flight at a blow"])
  }

  @Test func `a short rest excuses nothing, and neither does no blow at all`() throws {
    try journal([(10, "assigned", 0, 1, "h/1"), (50, "assigned", 0, 2, "h/2")])
    for strikes in [[], [strike(.freezeWorker, at: 30, worker: "h/1")]] {
      var history = try SoakHistory(folder)
      #expect(history.recomputed(after: strikes) == 1)
      #expect(history.faults.count == 1)
    }
  }

  @Test func `a job that was only taken back untouched was not done twice`() throws {
    try journal([
      (10, "assigned", 0, 1, "h/1"), (20, "withdrawn", 0, 1, "h/1"), (20, "assigned", 0, 2, "h/2"),
    ])
    var history = try SoakHistory(folder)
    #expect(history.recomputed(after: []) == 0)
    #expect(history.faults.isEmpty)
  }

  @Test func `what a killed coordinator had not committed may be done again, what it had may not`()
    throws
  {
    try journal([
      (10, "assigned", 0, 1, "h/1"), (10, "assigned", 1, 1, "h/2"), (20, "committed", 0, 1, "h/1"),
    ])
    try journal(
      epoch: 2, [(50, "assigned", 0, 1, "h/1"), (50, "assigned", 1, 1, "h/1")])
    try commit(0, epoch: 1)
    try commit(1, epoch: 2)
    var history = try SoakHistory(folder)
    let blow = strike(.killCoordinator, at: 30)
    #expect(history.inFlight(blow).map(\.job) == [1])
    #expect(history.recomputed(after: [blow]) == 2)
    #expect(history.faults.count == 1)
    #expect(history.lost == [0])
  }

  @Test func `a commit whose line died with the coordinator still counts`() throws {
    try journal([(10, "assigned", 0, 1, "h/1")])
    try journal(epoch: 2, [(50, "assigned", 0, 1, "h/1")])
    try commit(0, epoch: 1)
    let history = try SoakHistory(folder)
    #expect(history.inFlight(strike(.killAll, at: 30)).isEmpty)
    #expect(history.lost == [0])
  }

  @Test func `two commits of a job and records set aside are faults`() throws {
    try journal([
      (10, "assigned", 0, 1, "h/1"), (20, "committed", 0, 1, "h/1"),
      (30, "committed", 0, 1, "h/1"),
    ])
    try scratch.write("job/commit/00000.bad-1.json", "{}")
    #expect(
      try SoakHistory(folder).faults
        == ["00000.bad-1.json was set aside", "job 0 was committed 2 times"])
  }
}
