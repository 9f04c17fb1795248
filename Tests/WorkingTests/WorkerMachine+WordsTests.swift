import Messaging
import Planning
import Testing
import Working

@Suite struct WorkerMachineWordsTests {
  @Test func `hello is said each second until welcomed`() {
    var play = Rehearsal()
    let first = play.on(.tick)
    #expect(first.said == [.hello(host: "n1", processID: 77, threads: 2, running: [])])
    #expect(first.contains(.send(first.said[0], Envelope(epoch: 0, session: 42, sequence: 1))))
    #expect(play.pass(5_000).hellos == 5)
    play.welcome()
    #expect(play.pass(5_000, heartbeats: true).hellos == 0)
  }

  @Test func `hello is said at once when the link stands`() {
    var play = Rehearsal()
    #expect(play.on(.connected).hellos == 1)
  }

  @Test func `a welcomed worker reports and asks for one running and one prefetched task`() {
    var play = Rehearsal()
    #expect(
      play.welcome().said == [.progress(running: nil, byteCount: 0, held: []), .credit(count: 2)])
  }

  @Test func `progress is told each heartbeat`() {
    var play = Rehearsal()
    play.welcome()
    play.hear(.assign(play.merge(0)))
    play.on(.advanced(.merge, play.attempt(0), byteCount: 17))
    let told = WorkerMessage.progress(
      running: play.attempt(0), byteCount: 17, held: [play.attempt(0)])
    #expect(play.pass(3_000, heartbeats: true).said.count { $0 == told } == 3)
  }

  @Test func `messages are numbered and carry the epoch of the welcome`() {
    var play = Rehearsal()
    play.on(.tick)
    let directives = play.welcome()
    let envelopes = directives.compactMap { directive -> Envelope? in
      if case .send(_, let envelope) = directive { envelope } else { nil }
    }
    #expect(envelopes.map(\.epoch) == [3, 3])
    #expect(envelopes.map(\.sequence) == [2, 3])
  }

  @Test func `words for another life are ignored`() {
    var play = Rehearsal()
    play.welcome()
    #expect(play.hear(.assign(play.merge(0)), life: 41).isEmpty)
  }

  @Test func `words of a lower epoch are ignored`() {
    var play = Rehearsal()
    play.welcome()
    #expect(play.hear(.dismiss, epoch: 2).isEmpty)
    #expect(play.hear(.refuse(reason: "no"), epoch: 2).isEmpty)
    #expect(play.welcome(epoch: 2).isEmpty)
  }

  @Test func `a later coordinator is greeted at once, with what is held`() {
    var play = Rehearsal()
    play.welcome()
    play.hear(.assign(play.merge(0)))
    play.now += 1_000
    let directives = play.hear(.heartbeat, epoch: 4)
    #expect(
      directives.said == [
        .hello(host: "n1", processID: 77, threads: 2, running: [play.attempt(0)])
      ])
    #expect(play.hear(.heartbeat, epoch: 4).isEmpty)
    #expect(play.welcome(epoch: 4).credits == [1])
    // The earlier one has lost its say.
    #expect(play.hear(.assign(play.merge(1)), epoch: 3).isEmpty)
  }

  @Test func `a later coordinator's other plan ends the worker`() {
    var play = Rehearsal()
    play.welcome()
    #expect(play.welcome(epoch: 4, plan: "xxh3:other").exit == .otherPlan)
  }

  @Test func `a refusal ends the worker with its reason`() {
    var play = Rehearsal()
    play.on(.tick)
    #expect(play.hear(.refuse(reason: "no room")).exit == .refused(reason: "no room"))
    #expect(play.on(.tick).isEmpty)
  }

  @Test func `after ten silent seconds it asks for nothing and says hello again`() {
    var play = Rehearsal()
    play.welcome()
    play.hear(.assign(play.merge(0)))
    #expect(play.pass(9_900).hellos == 0)
    let fenced = play.pass(3_000)
    #expect(fenced.hellos == 3)
    #expect(fenced.credits.isEmpty)
    #expect(!fenced.contains(.halt))  // work goes on
  }

  @Test func `a fenced worker takes no assignment, and keeps its result until welcomed`() {
    var play = Rehearsal()
    play.welcome()
    play.hear(.assign(play.merge(0)))
    play.pass(11_000)
    #expect(play.hear(.assign(play.merge(1))).isEmpty)
    #expect(play.end(play.merge(0), .good).results.isEmpty)
    #expect(play.welcome().results == [.result(.merge, play.attempt(0), .good)])
  }

  @Test func `without any coordinator it gives up after a minute`() {
    var play = Rehearsal()
    play.welcome()
    play.hear(.assign(play.merge(0)))
    #expect(play.pass(59_900).exit == nil)
    let last = play.pass(100)
    #expect(last.exit == .orphaned(seconds: 60))
    #expect(last.contains(.halt))
  }

  @Test func `a restored link brings results and reports at once`() {
    var play = Rehearsal()
    play.welcome()
    play.hear(.assign(play.merge(0)))
    play.end(play.merge(0), .good)
    let said = play.on(.connected).said
    #expect(said.first == .result(.merge, play.attempt(0), .good))
    #expect(said.last == .credit(count: 2))
  }
}
