import Testing

@testable import shardweld

struct LocalWorkersTests {
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
