import Messaging
import Planning
import Testing
import Working

/// A worker that will be ended from outside two minutes from its start: it leaves after 90 s.
@Suite struct WorkerMachineDeadlineTests {
  /// Its first merge: a million bytes in ten seconds.
  func measured() -> Rehearsal {
    var play = Rehearsal.joined(deadline: 120_000)
    let first = play.merge(0, byteCount: 1_000_000)
    play.assign(first)
    play.advance(first, to: 1)
    play.pass(1_000, heartbeats: true)
    play.advance(first, to: 500_000)
    play.pass(9_000, heartbeats: true)
    play.end(first, .good)
    play.hear(.settled(first.task))
    return play
  }

  @Test func `a merge that would end too late is declined`() {
    var play = measured()
    // 80 s are left, enough for 8 million bytes.
    let long = play.merge(1, byteCount: 8_000_100)
    let declined = play.assign(long)
    #expect(declined.said == [.result(long.task, .declined, credit: 2)])
    #expect(declined.started.isEmpty)
    let short = play.merge(2, byteCount: 8_000_000)
    #expect(play.assign(short).started == [short])
  }

  @Test func `what runs before it counts`() {
    var play = measured()
    let running = play.merge(1, byteCount: 5_000_000)
    play.assign(running)
    play.advance(running, to: 1_000_000)
    #expect(play.assign(play.merge(2, byteCount: 4_000_100)).results == [.declined])
    #expect(play.assign(play.merge(3, byteCount: 4_000_000)).results.isEmpty)
  }

  @Test func `a declined merge that is assigned again is not begun`() {
    var play = measured()
    let long = play.merge(1, byteCount: 9_000_000)
    play.assign(long)
    play.hear(.settled(long.task))
    #expect(play.assign(long).started.isEmpty)
  }

  @Test func `read-backs are taken until it leaves`() {
    var play = measured()
    play.pass(79_000, heartbeats: true)
    let reading = Assignment.readBack(play.attempt(9))
    #expect(play.assign(reading).started == [reading])
  }

  @Test func `a worker that has merged nothing yet takes what it is given`() {
    var play = Rehearsal.joined(deadline: 120_000)
    let first = play.merge(0, byteCount: 1 << 40)
    #expect(play.assign(first).started == [first])
  }

  @Test func `a running merge whose rate says that it will be late goes back as declined`() {
    var play = Rehearsal.joined(deadline: 120_000)
    let long = play.merge(0, byteCount: 1_000_000)
    play.assign(long)
    play.advance(long, to: 10_000)
    // A rate of the first moments says little.
    #expect(!play.pass(2_900, heartbeats: true).contains(.halt))
    #expect(play.pass(100, heartbeats: true).contains(.halt))
    #expect(play.end(long, .handedBack).said == [.result(long.task, .declined, credit: 2)])
  }

  @Test func `one that ends all the same is told as merged`() {
    var play = Rehearsal.joined(deadline: 120_000)
    let long = play.merge(0, byteCount: 1_000_000)
    play.assign(long)
    play.advance(long, to: 10_000)
    play.pass(3_000, heartbeats: true)
    #expect(play.end(long, .good).results == [.good])
  }

  @Test func `one that is in time goes on`() {
    var play = Rehearsal.joined(deadline: 120_000)
    let short = play.merge(0, byteCount: 1_000_000)
    play.assign(short)
    for step in 1...80 {
      play.advance(short, to: Int64(step) * 12_000)
      #expect(!play.pass(1_000, heartbeats: true).contains(.halt), "\(step)")
    }
  }

  @Test func `thirty seconds before its deadline it leaves as if asked to`() {
    var play = Rehearsal.joined(deadline: 120_000)
    play.assign(.readBack(play.attempt(0)))
    #expect(!play.pass(89_900, heartbeats: true).contains(.halt))
    let leaving = play.pass(100, heartbeats: true)
    #expect(leaving.contains(.halt))
    #expect(leaving.credits.last == 0)
    #expect(play.end(.readBack(play.attempt(0)), .handedBack).results == [.handedBack])
    #expect(play.hear(.settled(TaskID(.readBack, play.attempt(0)))).goodbyes == 1)
    #expect(play.hear(.farewell).exit == .stopped)
  }

  @Test func `without a deadline nothing is declined`() {
    var play = Rehearsal.joined()
    let first = play.merge(0, byteCount: 1_000_000)
    play.assign(first)
    play.pass(100_000, heartbeats: true)
    play.end(first, .good)
    let long = play.merge(1, byteCount: 1 << 50)
    #expect(play.assign(long).started == [long])
  }
}
