import Coordination
import Messaging
import Planning
import Testing

/// Merges that outlive the coordinator, or the connection, that they were begun under.
@Suite struct CoordinatorMachineAdoptionTests {
  /// Of the coordinator before.
  let old = AttemptID(job: 0, epoch: 2, attempt: 1)

  @Test func `a merge of an earlier coordinator is adopted with its worker`() {
    var play = Rehearsal([10], orphans: [old], readsBack: false)
    let hello = play.join("a", held: [.merge(old)])
    #expect(hello.workers(.adopted) == ["a/97"])
    #expect(hello.cancelled(for: "a").isEmpty)
    #expect(play.mergedWell("a", old).commits == [old])
    #expect(play.machine.retryCount == 0)
  }

  @Test func `a merge that ended before its worker heard of this coordinator is taken`() {
    var play = Rehearsal([10], orphans: [old], readsBack: false)
    play.join("a")
    let merged = play.merged("a", old)
    #expect(merged.workers(.adopted) == ["a/97"])
    #expect(play.on(.checked(old)).commits == [old])
  }

  @Test func `a merge of another plan is cancelled`() {
    var play = Rehearsal([10], orphans: [old])
    let hello = play.join("a", held: [.merge(old)], plan: "xxh3:other")
    #expect(hello.notes(.adopted).isEmpty)
    #expect(hello.cancelled(for: "a") == [.merge(old)])
  }

  @Test func `a merge whose files are gone is cancelled`() {
    var play = Rehearsal([10])
    #expect(play.join("a", held: [.merge(old)]).cancelled(for: "a") == [.merge(old)])
  }

  @Test func `a merge of a committed job is cancelled`() {
    var play = Rehearsal([10, 10], committed: [0], orphans: [old])
    #expect(play.join("a", held: [.merge(old)]).cancelled(for: "a") == [.merge(old)])
  }

  @Test func `a read-back of an earlier coordinator is cancelled`() {
    var play = Rehearsal([10], orphans: [old])
    #expect(play.join("a", held: [.readBack(old)]).cancelled(for: "a") == [.readBack(old)])
  }

  @Test func `nobody adopts what another has adopted`() {
    var play = Rehearsal([10], orphans: [old])
    play.join("a", held: [.merge(old)])
    let second = play.join("b", held: [.merge(old)])
    #expect(second.notes(.adopted).isEmpty)
    #expect(second.cancelled(for: "b") == [.merge(old)])
    // Said again, it changes nothing.
    #expect(play.report("a", 1).notes(.adopted).isEmpty)
  }

  @Test func `a worker adopts one merge of a job, not two`() {
    let second = AttemptID(job: 0, epoch: 2, attempt: 2)
    var play = Rehearsal([10], orphans: [old, second])
    let hello = play.join("a", held: [.merge(old), .merge(second)])
    #expect(hello.workers(.adopted).count == 1)
    #expect(hello.cancelled(for: "a") == [.merge(second)])
  }

  @Test func `orphaned jobs wait ten seconds for their workers, others do not`() {
    var play = Rehearsal([10, 5], orphans: [old])
    #expect(play.join("b", credit: 2).given(to: "b") == [.merge(play.attempt(1))])
    #expect(play.pass(9_000, talking: ["b"]).given(to: "b").isEmpty)
    play.report("b", credit: 1)
    #expect(play.tick(after: 1_000).given(to: "b") == [.merge(play.attempt(0))])
  }

  @Test func `a worker that comes after the ten seconds is adopted beside the new attempt`() {
    var play = Rehearsal([10], orphans: [old], readsBack: false)
    play.join("b")
    play.pass(10_000, talking: ["b"])
    #expect(play.report("b", credit: 1).given(to: "b") == [.merge(play.attempt(0))])
    #expect(play.join("a", held: [.merge(old)]).workers(.adopted) == ["a/97"])
    // The first one done is taken, the other is told to stop.
    let merged = play.mergedWell("a", old)
    #expect(merged.commits == [old])
    #expect(merged.cancelled(for: "b") == [.merge(play.attempt(0))])
  }

  @Test func `an adopted merge is no longer waited for after ten seconds`() {
    var play = Rehearsal([10], orphans: [old])
    play.join("a", held: [.merge(old)])
    play.join("b")
    play.pass(20_000, talking: ["a", "b"])
    #expect(play.report("b", credit: 1).given(to: "b").isEmpty)
    // Until its worker dies.
    #expect(play.dies("a").given(to: "b") == [.merge(play.attempt(0))])
    #expect(play.machine.retryCount == 1)
  }

  @Test func `an adopted merge that its worker has no more is given out again`() {
    var play = Rehearsal([10], orphans: [old])
    play.join("a", held: [.merge(old)])
    let report = WorkerMessage.progress(running: nil, byteCount: 0, held: [], credit: 1)
    let directives = play.say("a", report)
    #expect(directives.notes(.withdrawn) == ["its worker does not have it any more"])
    #expect(directives.given(to: "a") == [.merge(play.attempt(0))])
    #expect(directives.discarded == [old])
  }

  @Test func `a lost worker that comes back with its merge goes on with it`() {
    var play = Rehearsal([10], readsBack: false)
    play.join("a", credit: 1)
    play.report("a", 1)
    let running = play.hands["a"] ?? []
    play.pass(16_000)
    let back = play.say(
      "a", .progress(running: running[0], byteCount: 2, held: running, credit: 0))
    #expect(back.workers(.back) == ["a/97"])
    #expect(back.workers(.adopted) == ["a/97"])
    #expect(back.cancelled(for: "a").isEmpty)
    #expect(play.mergedWell("a", play.attempt(0)).commits == [play.attempt(0)])
  }

  @Test func `a lost worker's result is taken where its job is still open`() {
    var play = Rehearsal([10], readsBack: false)
    play.join("a", credit: 1)
    play.pass(16_000)
    let merged = play.merged("a", play.attempt(0))
    #expect(merged.said(to: "a") == [.settled(.merge(play.attempt(0)))])
    #expect(play.on(.checked(play.attempt(0))).commits == [play.attempt(0)])
  }

  @Test func `another worker cannot report a lost worker's merge`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b")
    play.pass(16_000, talking: ["b"])
    let merged = play.merged("b", play.attempt(0))
    #expect(merged.count == 1)  // settled, and nothing else
  }

  @Test func `a lost worker's merge is cancelled once its job is committed`() {
    var play = Rehearsal([10, 5], readsBack: false)
    play.join("a", credit: 1)
    play.join("b")
    let running = play.hands["a"] ?? []
    play.pass(16_000, talking: ["b"])
    play.report("b", credit: 1)
    play.mergedWell("b", play.attempt(0, 2))
    // The file that a lost worker left goes with the commit.
    #expect(play.on(.committed(play.attempt(0, 2))).discarded == [play.attempt(0)])
    let back = play.say(
      "a", .progress(running: running[0], byteCount: 2, held: running, credit: 0))
    #expect(back.cancelled(for: "a") == running)
  }

  // MARK: Epochs

  @Test func `a worker that knows only an earlier epoch is answered but given nothing`() {
    var play = Rehearsal([10])
    let report = WorkerMessage.progress(running: nil, byteCount: 0, held: [], credit: 2)
    #expect(
      play.say("a", report, epoch: 2).said(to: "a") == [.heartbeat(periodMilliseconds: 1_000)])
    play.join("a")
    #expect(play.say("a", report, epoch: 2).given(to: "a").isEmpty)
  }

  @Test func `a worker that has met a later coordinator is not served`() {
    var play = Rehearsal([10])
    play.join("a")
    let report = WorkerMessage.progress(running: nil, byteCount: 0, held: [], credit: 2)
    #expect(play.say("a", report, epoch: 4).isEmpty)
    #expect(play.say("a", .goodbye, epoch: 4).isEmpty)
  }

  @Test func `a coordinator that was superseded ends at once and dismisses nobody`() {
    var play = Rehearsal([10, 10], readsBack: false)
    play.join("a", credit: 2)
    play.mergedWell("a", play.attempt(0))
    let directives = play.on(.superseded(reason: "coordinator 4 has taken over"))
    #expect(directives.said(to: "a").isEmpty)
    #expect(directives.end == .failed(reasons: ["coordinator 4 has taken over"]))
    #expect(play.on(.committed(play.attempt(0))).isEmpty)
    #expect(play.report("a", credit: 2).isEmpty)
  }
}
