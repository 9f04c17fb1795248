import Messaging
import Planning
import Testing
import Working

@Suite struct WorkerMachineWordsTests {
  @Test func `hello is said each second until welcomed`() {
    var play = Rehearsal()
    let first = play.on(.tick)
    #expect(first.said == [.hello(play.introduction(), held: [])])
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
    #expect(play.welcome().said == [.idle(credit: 2)])
  }

  @Test func `progress is told each heartbeat`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.advance(play.merge(0), to: 17)
    let task = play.merge(0).task
    let told = WorkerMessage.progress(running: task, byteCount: 17, held: [task], credit: 1)
    #expect(play.pass(3_000, heartbeats: true).said.count { $0 == told } == 3)
  }

  @Test func `what was read and written is told, whatever is done`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.on(.moved(byteCount: 40_000_000))
    let task = play.merge(0).task
    let told = WorkerMessage.progress(
      running: task, byteCount: 0, movedByteCount: 40_000_000, held: [task], credit: 1)
    #expect(play.pass(1_000, heartbeats: true).said == [told])
  }

  @Test(arguments: [(asked: 4_000, kept: 4_000), (asked: 1, kept: 50)])
  func `reports follow the period that the last answer asked for`(asked: Int, kept: Int64) {
    var play = Rehearsal.joined()
    play.now += 1_000
    #expect(play.on(.tick).credits == [2])
    play.hear(.heartbeat(periodMilliseconds: asked))
    play.now += kept - 1
    #expect(play.on(.tick).credits.isEmpty)
    play.now += 1
    #expect(play.on(.tick).credits == [2])
  }

  @Test func `a period without end is ended by the fence`() {
    var play = Rehearsal.joined()
    play.hear(.heartbeat(periodMilliseconds: 1_000_000))
    #expect(play.pass(10_000).hellos == 1)
  }

  @Test func `messages are numbered and carry the epoch of the welcome`() {
    var play = Rehearsal()
    play.on(.tick)
    let directives = play.welcome() + play.pass(1_000, heartbeats: true)
    let envelopes = directives.compactMap { directive -> Envelope? in
      if case .send(_, let envelope) = directive { envelope } else { nil }
    }
    #expect(envelopes.map(\.epoch) == [3, 3])
    #expect(envelopes.map(\.sequence) == [2, 3])
  }

  @Test func `words for another life are ignored`() {
    var play = Rehearsal.joined()
    #expect(play.hear(.assign(play.merge(0)), life: 41).isEmpty)
  }

  @Test func `a refusal ends the worker with its reason`() {
    var play = Rehearsal()
    play.on(.tick)
    #expect(play.hear(.refuse(reason: "no room")).exit == .refused(reason: "no room"))
    #expect(play.on(.tick).isEmpty)
  }

  // MARK: Later coordinators

  @Test func `words of a lower epoch are ignored`() {
    var play = Rehearsal.joined()
    #expect(play.hear(.dismiss, epoch: 2).isEmpty)
    #expect(play.hear(.refuse(reason: "no"), epoch: 2).isEmpty)
    #expect(play.welcome(epoch: 2).isEmpty)
  }

  @Test func `a later coordinator is greeted at once, with what is held and for which plan`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.now += 1_000
    let directives = play.hear(.heartbeat(periodMilliseconds: 1_000), epoch: 4)
    #expect(
      directives.said == [
        .hello(play.introduction(planDigest: "xxh3:plan"), held: [play.merge(0).task])
      ])
    #expect(play.hear(.heartbeat(periodMilliseconds: 1_000), epoch: 4).isEmpty)
    #expect(play.welcome(epoch: 4).credits == [1])
  }

  @Test func `the first word of a later coordinator is the last that an earlier one has`() {
    for word in [
      CoordinatorMessage.dismiss, .refuse(reason: "no"), .heartbeat(periodMilliseconds: 1_000),
      .settled(TaskID(.merge, .old)),
      .cancel(TaskID(.merge, .old)), .assign(.merge(.old, Rehearsal.slice, byteCount: 1)),
      .farewell,
    ] {
      var play = Rehearsal.joined()
      play.assign(.merge(.old, Rehearsal.slice, byteCount: 1))
      play.now += 1_000
      play.hear(.heartbeat(periodMilliseconds: 1_000), epoch: 4)
      #expect(play.hear(word, epoch: 3).isEmpty, "\(word)")
      #expect(!play.pass(200).contains(.halt), "\(word)")
    }
  }

  @Test func `nothing is reported to a later coordinator before its welcome`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.now += 1_000
    play.hear(.heartbeat(periodMilliseconds: 1_000), epoch: 4)
    #expect(play.end(play.merge(0), .good).said.isEmpty)
    #expect(play.pass(2_000).credits.isEmpty)
    #expect(play.welcome(epoch: 4).results == [.good])
  }

  @Test func `a later coordinator's other plan ends the worker`() {
    var play = Rehearsal.joined()
    #expect(play.welcome(epoch: 4, plan: "xxh3:other").exit == .otherPlan)
  }

  // MARK: Silence

  @Test func `after ten silent seconds it asks for nothing and says hello again`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    #expect(play.pass(9_900).hellos == 0)
    let fenced = play.pass(3_000)
    #expect(fenced.hellos == 3)
    #expect(fenced.credits.isEmpty)
    #expect(!fenced.contains(.halt))  // work goes on
  }

  @Test func `a fenced worker takes no assignment, and keeps its result until welcomed`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.pass(11_000)
    #expect(play.assign(play.merge(1)).isEmpty)
    #expect(play.end(play.merge(0), .good).results.isEmpty)
    #expect(play.welcome().results == [.good])
  }

  @Test func `an idle worker without any coordinator gives up after a minute`() {
    var play = Rehearsal.joined()
    #expect(play.pass(59_900).exit == nil)
    #expect(play.pass(100).exit == .orphaned(seconds: 60))
  }

  @Test func `one with work in its hands waits ten minutes, done or not`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    #expect(play.pass(300_000).exit == nil)
    play.end(play.merge(0), .good)
    #expect(play.pass(299_900).exit == nil)
    #expect(play.pass(100).exit == .orphaned(seconds: 600))
    var busy = Rehearsal.joined()
    busy.assign(busy.merge(0))
    let last = busy.pass(600_000)
    #expect(last.exit == .orphaned(seconds: 600))
    #expect(last.contains(.halt))
  }

  @Test func `a worker that was never welcomed gives up after a minute`() {
    var play = Rehearsal()
    #expect(play.pass(60_000).exit == .orphaned(seconds: 60))
  }

  // MARK: The link

  @Test func `a broken link fences at once, and work goes on`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    #expect(play.on(.disconnected).isEmpty)
    #expect(play.assign(play.merge(1)).isEmpty)
    #expect(play.end(play.merge(0), .good).said.isEmpty)
    let said = play.on(.connected).said
    #expect(
      said == [.hello(play.introduction(planDigest: "xxh3:plan"), held: [play.merge(0).task])])
    #expect(
      play.welcome().said == [
        .result(play.merge(0).task, .good, credit: 2),
        .progress(running: nil, byteCount: 0, held: [play.merge(0).task], credit: 2),
      ])
  }

  @Test func `a link that stands anew without a break brings results and reports at once`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.end(play.merge(0), .good)
    let said = play.on(.connected).said
    #expect(said.first == .result(play.merge(0).task, .good, credit: 2))
    #expect(said.count == 2)
  }
}

extension AttemptID {
  fileprivate static let old = AttemptID(job: 0, epoch: 3, attempt: 1)
}
