import Testing

@testable import shardweld

struct LocalWorkersTests {
  // MARK: How many

  private func count(
    workers: Int? = nil, audit: Int = 0, cores: Int = 4, jobsLeft: Int = 10
  ) -> Int {
    var flags = MergeFlags()
    flags.workers = workers
    flags.audit = audit
    return WorkerRun.localCount(flags, cores: cores, jobsLeft: jobsLeft)
  }

  @Test func `there is a worker for each core, and none without a job`() {
    #expect(count() == 4)
    #expect(count(workers: 7) == 7)
    #expect(count(jobsLeft: 3) == 3)
    #expect(count(workers: 7, jobsLeft: 3) == 3)
    #expect(count(jobsLeft: 0) == 1)
  }

  @Test func `an audit has two workers, whatever the cores and jobs`() {
    #expect(count(audit: 1, cores: 1) == 2)
    #expect(count(audit: 100, jobsLeft: 1) == 2)
    #expect(count(workers: 5, audit: 100, jobsLeft: 1) == 2)
    #expect(count(audit: 100, cores: 8) == 8)
    #expect(count(audit: 5, jobsLeft: 0) == 2)
  }

  // MARK: Replacing the dead

  @Test func `who lived for a second is replaced at once, for ever`() {
    var seat = WorkerSeat()
    var now: Int64 = 0
    for _ in 0..<1000 {
      seat.start(now: now)
      #expect(seat.dueAt == nil)
      now += 1_000
      seat.vacate(now: now)
      #expect(seat.dueAt == now)
    }
  }

  @Test func `short lives make pauses that grow to five seconds`() {
    var seat = WorkerSeat()
    var pauses: [Int64] = []
    for _ in 0..<8 {
      seat.start(now: 0)
      seat.vacate(now: 999)
      pauses.append((seat.dueAt ?? 0) - 999)
    }
    #expect(pauses == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
    seat.start(now: 0)
    seat.vacate(now: 1_000)
    #expect(seat.dueAt == 1_000)
    seat.start(now: 0)
    seat.vacate(now: 10)
    #expect(seat.dueAt == 110)
  }

  @Test func `a program that never lives is given up`() {
    var seat = WorkerSeat()
    var lives = 0
    var now: Int64 = 0
    repeat {
      seat.start(now: now)
      lives += 1
      seat.vacate(now: now)
      guard let due = seat.dueAt else { break }
      now = due
    } while lives < 100
    #expect(lives == WorkerSeat.shortLivesMax)
    #expect(seat.dueAt == nil)
    #expect(now > 60_000)
  }
}
