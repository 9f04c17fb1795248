import Messaging
import Planning
import Testing
import Working

@Suite struct WorkerMachineLeavingTests {
  @Test func `an idle dismissed worker says goodbye until farewell`() {
    var play = Rehearsal.joined()
    #expect(play.hear(.dismiss).goodbyes == 1)
    #expect(play.pass(1_000).goodbyes == 2)
    #expect(play.hear(.farewell).exit == .dismissed)
  }

  @Test func `without a farewell it leaves after three seconds`() {
    var play = Rehearsal.joined()
    play.hear(.dismiss)
    #expect(play.pass(2_900).exit == nil)
    #expect(play.pass(100).exit == .dismissed)
  }

  @Test func `a dismissed worker drops its work before it says goodbye`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.assign(play.merge(1))
    let dismissed = play.hear(.dismiss)
    #expect(dismissed.contains(.halt))
    #expect(dismissed.goodbyes == 0)
    let ended = play.end(play.merge(0), .handedBack)
    #expect(ended.goodbyes == 1)
    #expect(ended.results.isEmpty && ended.started.isEmpty)
  }

  @Test func `work that does not stop holds a dismissed worker for three seconds`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.hear(.dismiss)
    #expect(play.pass(2_900, heartbeats: true).exit == nil)
    #expect(play.pass(100).exit == .dismissed)
  }

  @Test func `a worker that comes too late is sent home`() {
    var play = Rehearsal()
    play.on(.tick)
    #expect(play.hear(.dismiss).goodbyes == 1)
    #expect(play.hear(.farewell).exit == .dismissed)
  }

  @Test func `a farewell nobody asked for is ignored`() {
    var play = Rehearsal.joined()
    #expect(play.hear(.farewell).isEmpty)
  }

  @Test func `SIGTERM hands the waiting task back at once and lets a merge end`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.assign(play.merge(1))
    let directives = play.on(.terminate)
    #expect(directives.results == [.handedBack])
    #expect(directives.credits == [0, 0])
    #expect(!directives.contains(.halt))
    play.hear(.settled(play.merge(1).task))
    play.pass(5_000, heartbeats: true)
    #expect(
      play.end(play.merge(0), .good).results == [.good])
    #expect(play.hear(.settled(play.merge(0).task)).goodbyes == 1)
    #expect(play.hear(.farewell).exit == .stopped)
  }

  @Test func `a merge that takes longer than twenty seconds is stopped and handed back`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.on(.terminate)
    #expect(!play.pass(19_900, heartbeats: true).contains(.halt))
    #expect(play.pass(100, heartbeats: true).contains(.halt))
    #expect(
      play.end(play.merge(0), .handedBack).results == [.handedBack])
  }

  @Test func `a terminated worker is gone after 22.5 seconds, whatever it was at`() {
    let states: [(String, (inout Rehearsal) -> Void)] = [
      ("unwelcomed", { _ in }),
      ("idle", { $0.welcome() }),
      (
        "merging",
        { play in
          play.welcome()
          play.assign(play.merge(0))
        }
      ),
      (
        "reading",
        { play in
          play.welcome()
          play.assign(.readBack(play.attempt(0)))
        }
      ),
      (
        "done, unacknowledged",
        { play in
          play.welcome()
          play.assign(play.merge(0))
          play.assign(play.merge(1))
          play.end(play.merge(0), .good)
        }
      ),
      (
        "fenced",
        { play in
          play.welcome()
          play.assign(play.merge(0))
          play.on(.disconnected)
        }
      ),
      (
        "stopping",
        { play in
          play.welcome()
          play.assign(play.merge(0))
          play.hear(.cancel(play.merge(0).task))
        }
      ),
    ]
    for (name, prepare) in states {
      for heartbeats in [false, true] {
        for dismissal in [nil, 100, 19_000, 22_300] as [Int64?] {
          var play = Rehearsal()
          prepare(&play)
          play.on(.terminate)
          var exit: WorkerExit?
          for step in 1...225 where exit == nil {
            exit = play.pass(100, heartbeats: heartbeats).exit
            if dismissal == Int64(step) * 100 { exit = exit ?? play.hear(.dismiss).exit }
          }
          #expect(exit != nil, "\(name), \(heartbeats), \(dismissal ?? 0)")
        }
      }
    }
  }

  @Test func `a read-back is stopped and handed back at once`() {
    var play = Rehearsal.joined()
    play.assign(.readBack(play.attempt(0)))
    #expect(play.on(.terminate).contains(.halt))
    #expect(
      play.end(.readBack(play.attempt(0)), .handedBack).results == [.handedBack])
  }

  @Test func `a second SIGTERM stops the merge too`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.on(.terminate)
    #expect(play.on(.terminate).contains(.halt))
  }

  @Test func `a leaving worker takes no new work`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.on(.terminate)
    let directives = play.assign(play.merge(1))
    #expect(directives.started.isEmpty)
    #expect(directives.credits == [0])
  }

  @Test func `a leaving worker waits five seconds for its results to be settled`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.assign(play.merge(1))
    play.on(.terminate)
    play.end(play.merge(0), .good)
    #expect(play.pass(4_900).goodbyes == 0)
    #expect(play.pass(100).goodbyes == 1)
    #expect(play.pass(3_000).exit == .stopped)
  }

  @Test func `a worker that was never welcomed stops when told`() {
    var play = Rehearsal()
    play.on(.tick)
    play.on(.terminate)
    #expect(play.pass(3_000).exit == .stopped)
  }
}
