import Coordination
import Messaging
import Planning
import Testing

@Suite struct CoordinatorMachineAssigningTests {
  @Test func `a worker is welcomed with the folder, the plan and its lease`() {
    var play = Rehearsal([10])
    #expect(
      play.join("a").said(to: "a") == [
        .welcome(
          jobFolder: "/out.shardweld", planDigest: "xxh3:plan",
          leaseMilliseconds: 15_000)
      ])
  }

  @Test func `a crowd is asked to report more seldom, up to a limit, the first as the last`() {
    var play = Rehearsal([10])
    func period(_ name: String) -> Int? {
      for case .heartbeat(let period) in play.report(name, credit: 0).said(to: name) {
        return period
      }
      return nil
    }
    play.join("first")
    #expect(period("first") == 1_004)
    for number in 1..<500 { play.join("w\(number)") }
    #expect(period("first") == 3_000)
    for number in 500..<800 { play.join("w\(number)") }
    #expect(period("w799") == 4_000)
    #expect(period("first") == 4_000)
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
    #expect(first.given(to: "b") == [.merge(play.attempt(2)), .merge(play.attempt(0))])
  }

  @Test func `a merge is told where its recipes are and how large its shard is`() {
    var play = Rehearsal([10])
    let said = play.join("a", credit: 1).said(to: "a")
    #expect(
      said.last == .assign(.merge(play.attempt(0), Rehearsal.slice(0), byteCount: 10)))
  }

  @Test func `a worker holds one running and one prefetched task, whatever it asks for`() {
    var play = Rehearsal([10, 10, 10, 10])
    #expect(play.join("a", credit: 50).given(to: "a").count == 2)
    #expect(play.report("a", credit: 50).given(to: "a").isEmpty)
  }

  @Test func `a worker that asks for one gets one`() {
    var play = Rehearsal([10, 10])
    #expect(play.join("a", credit: 1).given(to: "a").count == 1)
    #expect(play.tick(after: 200).given(to: "a").isEmpty)
  }

  @Test func `a result that asks for more is answered with more`() {
    var play = Rehearsal([10, 10])
    play.join("a", credit: 1)
    let directives = play.merged("a", play.attempt(0), credit: 1)
    #expect(directives.given(to: "a") == [.merge(play.attempt(1))])
  }

  @Test func `a late copy of an older report gives nothing`() {
    var play = Rehearsal([10, 10, 10])
    play.join("a")
    func wish(_ credit: Int) -> WorkerMessage {
      .progress(running: nil, byteCount: 0, held: [], credit: credit)
    }
    play.say("a", wish(1), sequence: 5)
    play.say("a", wish(0), sequence: 7)
    #expect(play.say("a", wish(2), sequence: 6).given(to: "a").isEmpty)
  }

  @Test func `idle workers are served before busy ones prefetch`() {
    var play = Rehearsal([10, 20])
    play.join("a")
    play.join("b")
    play.report("a", credit: 1)
    #expect(play.report("b", credit: 2).given(to: "b").count == 1)
  }

  @Test func `an idle worker takes over what lies unstarted with a busy one`() {
    var play = Rehearsal([20, 10])
    play.join("a", credit: 2)
    play.report("a", 1)
    let directives = play.join("b", credit: 2)
    #expect(directives.cancelled(for: "a") == [.merge(play.attempt(1))])
    #expect(directives.discarded == [play.attempt(1)])
    #expect(directives.given(to: "b") == [.merge(play.attempt(1, 2))])
    // Nothing was lost: it is no retry.
    #expect(play.machine.retryCount == 0)
  }

  @Test func `a running task is not taken over`() {
    var play = Rehearsal([20])
    play.join("a", credit: 2)
    play.report("a", 1)
    #expect(play.join("b", credit: 2).given(to: "b").isEmpty)
  }

  @Test func `what a worker still holds after it was taken away counts against its room`() {
    var play = Rehearsal([20, 10])
    play.join("a", credit: 2)
    play.report("a", 1)
    let held = play.hands["a"] ?? []
    play.pass(16_000)  // a is lost
    play.join("b", credit: 2)
    // It comes back with both old tasks still in its hands: one is adopted, none comes on top.
    let back = play.say("a", .progress(running: held[0], byteCount: 1, held: held, credit: 2))
    #expect(back.given(to: "a").isEmpty)
    #expect(play.report("a", credit: 2).given(to: "a").isEmpty)
  }

  @Test func `an unconfirmed assignment is sent again after two seconds`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    #expect(play.tick(after: 1_900).given(to: "a").isEmpty)
    #expect(play.tick(after: 200).given(to: "a") == [.merge(play.attempt(0))])
    #expect(play.tick(after: 1_000).given(to: "a").isEmpty)
  }

  @Test func `the next report confirms an assignment, and one without it takes that back`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    play.report("a")
    #expect(play.pass(5_000).given(to: "a").isEmpty)
    play.say("a", .progress(running: nil, byteCount: 0, held: [], credit: 1))
    #expect(play.tick(after: 200).given(to: "a") == [.merge(play.attempt(0))])
  }

  @Test func `a task that nobody gave is cancelled`() {
    var play = Rehearsal([10])
    play.join("a")
    let stray = TaskID.merge(AttemptID(job: 7, epoch: 1, attempt: 1))
    let said = play.say("a", .progress(running: stray, byteCount: 0, held: [stray], credit: 0))
      .said(to: "a")
    #expect(said == [.heartbeat(periodMilliseconds: 1_004), .cancel(stray)])
  }

  @Test func `another key cannot speak for a worker`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    let thief = WorkerID(key: "thief", life: Rehearsal.id("a").life)
    let envelope = Envelope(epoch: 3, session: thief.life, sequence: 9)
    let task = TaskID.merge(play.attempt(0))
    let directives = play.on(
      .message(
        .result(task, .merged(byteCount: 10, digest: "d", recordDigest: "r"), credit: 0),
        envelope, from: thief))
    #expect(directives.count == 1)  // settled, and nothing else
  }
}
