import Messaging
import Planning
import Testing
import Working

@Suite struct WorkerMachineLeavingTests {
  func joined() -> Rehearsal {
    var play = Rehearsal()
    play.welcome()
    return play
  }

  @Test func `an idle dismissed worker says goodbye until farewell`() {
    var play = joined()
    #expect(play.hear(.dismiss).goodbyes == 1)
    #expect(play.pass(1_000).goodbyes == 2)
    #expect(play.hear(.farewell).exit == .dismissed)
  }

  @Test func `without a farewell it leaves after three seconds`() {
    var play = joined()
    play.hear(.dismiss)
    #expect(play.pass(2_900).exit == nil)
    #expect(play.pass(100).exit == .dismissed)
  }

  @Test func `a dismissed worker drops its work before it says goodbye`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.hear(.assign(play.merge(1)))
    let dismissed = play.hear(.dismiss)
    #expect(dismissed.contains(.halt))
    #expect(dismissed.goodbyes == 0)
    let ended = play.end(play.merge(0), .handedBack)
    #expect(ended.goodbyes == 1)
    #expect(ended.results.isEmpty && ended.started.isEmpty)
  }

  @Test func `work that does not stop holds a dismissed worker for three seconds`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
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
    var play = joined()
    #expect(play.hear(.farewell).isEmpty)
  }

  @Test func `SIGTERM hands the waiting task back at once and lets a merge end`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.hear(.assign(play.merge(1)))
    let directives = play.on(.terminate)
    #expect(directives.results == [.result(.merge, play.attempt(1), .handedBack)])
    #expect(directives.credits == [0])
    #expect(!directives.contains(.halt))
    play.hear(.settled(.merge, play.attempt(1)))
    play.pass(5_000, heartbeats: true)
    #expect(
      play.end(play.merge(0), .good).results == [.result(.merge, play.attempt(0), .good)])
    #expect(play.hear(.settled(.merge, play.attempt(0))).goodbyes == 1)
    #expect(play.hear(.farewell).exit == .stopped)
  }

  @Test func `a merge that takes longer than twenty seconds is stopped and handed back`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.on(.terminate)
    #expect(!play.pass(19_900, heartbeats: true).contains(.halt))
    #expect(play.pass(100, heartbeats: true).contains(.halt))
    #expect(
      play.end(play.merge(0), .handedBack).results
        == [.result(.merge, play.attempt(0), .handedBack)])
  }

  @Test func `work that does not stop holds a terminated worker for three seconds more`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.on(.terminate)
    #expect(play.pass(22_900, heartbeats: true).exit == nil)
    #expect(play.pass(100, heartbeats: true).exit == .stopped)
  }

  @Test func `a read-back is stopped and handed back at once`() {
    var play = joined()
    play.hear(.assign(.readBack(play.attempt(0))))
    #expect(play.on(.terminate).contains(.halt))
    #expect(
      play.end(.readBack(play.attempt(0)), .handedBack).results
        == [.result(.readBack, play.attempt(0), .handedBack)])
  }

  @Test func `a second SIGTERM stops the merge too`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.on(.terminate)
    #expect(play.on(.terminate).contains(.halt))
  }

  @Test func `a leaving worker takes no new work`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.on(.terminate)
    let directives = play.hear(.assign(play.merge(1)))
    #expect(directives.started.isEmpty)
    #expect(directives.credits == [0])
  }

  @Test func `a leaving worker waits five seconds for its results to be settled`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.hear(.assign(play.merge(1)))
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
