import Coordination
import Messaging
import Planning
import Testing

@Suite struct CoordinatorMachineAssigningTests {
  @Test func `a worker is welcomed with the folder, the plan and its periods`() {
    var play = Rehearsal([10])
    #expect(
      play.join("a").said(to: "a") == [
        .welcome(
          jobFolder: "/out.shardweld", planDigest: "xxh3:plan", heartbeatMilliseconds: 1_000,
          leaseMilliseconds: 15_000)
      ])
  }

  @Test func `nothing is given to a worker that has not asked`() {
    var play = Rehearsal([10])
    #expect(play.join("a").given(to: "a").isEmpty)
    #expect(play.tick(after: 200).given(to: "a").isEmpty)
  }

  @Test func `the largest job goes first, ties by id`() {
    var play = Rehearsal([10, 30, 20, 30])
    play.join("a", credit: 2)
    let first = play.join("b", credit: 2)
    #expect(
      first.given(to: "b") == [
        .merge(play.attempt(2), Rehearsal.slice(2)), .merge(play.attempt(0), Rehearsal.slice(0)),
      ])
  }

  @Test func `a worker holds one running and one prefetched task, whatever it asks for`() {
    var play = Rehearsal([10, 10, 10, 10])
    #expect(play.join("a", credit: 50).given(to: "a").count == 2)
    #expect(play.say("a", .credit(count: 50)).given(to: "a").isEmpty)
  }

  @Test func `a worker that asks for one gets one`() {
    var play = Rehearsal([10, 10])
    #expect(play.join("a", credit: 1).given(to: "a").count == 1)
    #expect(play.tick(after: 200).given(to: "a").isEmpty)
  }

  @Test func `a late copy of an older credit gives nothing`() {
    var play = Rehearsal([10, 10, 10])
    play.join("a")
    play.say("a", .credit(count: 1), sequence: 5)
    play.say("a", .credit(count: 0), sequence: 7)
    #expect(play.say("a", .credit(count: 2), sequence: 6).given(to: "a").isEmpty)
  }

  @Test func `idle workers are served before busy ones prefetch`() {
    var play = Rehearsal([10, 20], committed: [])
    play.join("a")
    play.join("b")
    play.say("a", .credit(count: 1))
    #expect(play.say("b", .credit(count: 2)).given(to: "b").count == 1)
  }

  @Test func `an idle worker takes over what lies unstarted with a busy one`() {
    var play = Rehearsal([20, 10])
    play.join("a", credit: 2)
    play.say(
      "a",
      .progress(running: play.attempt(0), byteCount: 1, held: [play.attempt(0), play.attempt(1)]))
    let directives = play.join("b", credit: 2)
    #expect(directives.said(to: "a").contains(.cancel(.merge, play.attempt(1))))
    #expect(directives.discarded == [play.attempt(1)])
    #expect(directives.given(to: "b") == [.merge(play.attempt(1, 2), Rehearsal.slice(1))])
  }

  @Test func `a running task is not taken over`() {
    var play = Rehearsal([20])
    play.join("a", credit: 2)
    play.say("a", .progress(running: play.attempt(0), byteCount: 1, held: [play.attempt(0)]))
    #expect(play.join("b", credit: 2).given(to: "b").isEmpty)
  }

  @Test func `what a worker still holds after it was taken away counts against its room`() {
    var play = Rehearsal([20, 10, 5])
    play.join("a", credit: 2)
    let held = [play.attempt(0), play.attempt(1)]
    play.say("a", .progress(running: play.attempt(0), byteCount: 1, held: held))
    play.pass(16_000)  // a is lost
    // It comes back with both old tasks still in its hands.
    play.say("a", .progress(running: play.attempt(0), byteCount: 1, held: held))
    #expect(play.say("a", .credit(count: 2)).given(to: "a").isEmpty)
    #expect(play.say("a", .goodNews).given(to: "a").count == 2)
  }

  @Test func `an unconfirmed assignment is sent again after two seconds`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    #expect(play.tick(after: 1_900).given(to: "a").isEmpty)
    #expect(
      play.tick(after: 200).given(to: "a") == [.merge(play.attempt(0), Rehearsal.slice(0))])
    #expect(play.tick(after: 1_000).given(to: "a").isEmpty)
  }

  @Test func `a confirmed assignment is not sent again`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    play.say("a", .progress(running: play.attempt(0), byteCount: 0, held: [play.attempt(0)]))
    #expect(play.pass(5_000).given(to: "a").isEmpty)
  }

  @Test func `a task that nobody gave is cancelled`() {
    var play = Rehearsal([10])
    play.join("a")
    let stray = AttemptID(job: 7, epoch: 1, attempt: 1)
    let said = play.say("a", .progress(running: stray, byteCount: 0, held: [stray])).said(to: "a")
    #expect(said == [.cancel(.merge, stray), .cancel(.readBack, stray), .heartbeat])
  }

  @Test func `a worker of an earlier coordinator is welcomed and its attempts cancelled`() {
    var play = Rehearsal([10])
    let old = AttemptID(job: 0, epoch: 2, attempt: 1)
    let said = play.join("a", running: [old]).said(to: "a")
    #expect(said.count == 3)
    #expect(said.dropFirst() == [.cancel(.merge, old), .cancel(.readBack, old)])
  }

  @Test func `a worker that knows only an earlier epoch is answered but given nothing`() {
    var play = Rehearsal([10])
    #expect(play.say("a", .credit(count: 2), epoch: 2).said(to: "a") == [.heartbeat])
  }

  @Test func `credit asked for under an earlier epoch counts for nothing`() {
    var play = Rehearsal([10])
    play.join("a")
    #expect(play.say("a", .credit(count: 2), epoch: 2).given(to: "a").isEmpty)
  }

  @Test func `a worker that has met a later coordinator is not answered`() {
    var play = Rehearsal([10])
    #expect(play.say("a", .goodNews, epoch: 4).isEmpty)
  }

  @Test func `another key cannot speak for a worker`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    let thief = WorkerID(key: "thief", life: Rehearsal.id("a").life)
    let envelope = Envelope(epoch: 3, session: thief.life, sequence: 9)
    let directives = play.on(
      .message(
        .result(
          .merge, play.attempt(0), .merged(byteCount: 10, digest: "d", recordDigest: "r")),
        envelope, from: thief))
    #expect(directives.count == 1)  // settled, and nothing else
  }
}
