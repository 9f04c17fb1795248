import Coordination
import Messaging
import Planning
import Testing

/// A second merge of a job that ends after the first: its bytes are compared all the same.
@Suite struct CoordinatorMachineLateTests {
  /// Where the first one's shard has come to when the late one is heard.
  enum Stage: CaseIterable { case written, readingBack, committing, committed }

  /// `b` was first with job 0, and `a`, once lost and back with its own merge of it, was cancelled.
  func raced(to stage: Stage) -> Rehearsal {
    var play = Rehearsal([10, 5])
    play.join("a", credit: 1)
    play.join("b")
    play.join("c")
    let running = play.hands["a"] ?? []
    play.pass(16_000, talking: ["b", "c"])
    play.report("b", credit: 1)
    play.say("a", .progress(running: running[0], byteCount: 1, held: running, credit: 0))
    play.mergedWell("b", play.attempt(0, 2))
    if stage == .written { return play }
    play.report("c", credit: 1)
    if stage == .readingBack { return play }
    play.read("c", play.attempt(0, 2))
    if stage == .committing { return play }
    play.on(.committed(play.attempt(0, 2)))
    return play
  }

  @Test func `the one that is second is told to stop and its file goes`() {
    var play = Rehearsal([10], readsBack: false)
    play.join("a", credit: 1)
    play.join("b")
    let running = play.hands["a"] ?? []
    play.pass(16_000, talking: ["b"])
    play.report("b", credit: 1)
    play.say("a", .progress(running: running[0], byteCount: 1, held: running, credit: 0))
    let directives = play.mergedWell("b", play.attempt(0, 2))
    #expect(directives.workers(.cancelled) == ["a/97"])
    #expect(directives.discarded == [play.attempt(0)])
  }

  @Test(arguments: Stage.allCases) func `the same bytes change nothing`(stage: Stage) {
    var play = raced(to: stage)
    let late = play.merged("a", play.attempt(0))
    #expect(late.notes(.disputed).isEmpty && late.revoked.isEmpty)
    #expect(late.discarded == [play.attempt(0)])
  }

  @Test(arguments: [Stage.written, .readingBack]) func `other bytes reopen a job`(stage: Stage) {
    var play = raced(to: stage)
    let late = play.merged("a", play.attempt(0), digest: "xxh3:bad")
    #expect(late.notes(.disputed).count == 1)
    #expect(
      late.cancelled(for: "c") == (stage == .readingBack ? [.readBack(play.attempt(0, 2))] : []))
    play.report("c", credit: 1)
    #expect(play.hands["c"] == [.merge(play.attempt(0, 3))])
    // The first one was right, and its file is still there.
    let settled = play.mergedWell("c", play.attempt(0, 3))
    #expect(settled.notes(.drained).count == 1)
    play.report("c", credit: 1)
    #expect(play.read("c", play.attempt(0, 2)).commits == [play.attempt(0, 2)])
  }

  @Test func `other bytes wait for a commit that is under way and take it back`() {
    var play = raced(to: .committing)
    let late = play.merged("a", play.attempt(0), digest: "xxh3:bad")
    #expect(late.revoked.isEmpty && late.notes(.disputed).isEmpty)
    #expect(play.on(.committed(play.attempt(0, 2))).revoked == [0])
  }

  @Test func `other bytes take a commit back and a third worker settles it`() {
    var play = raced(to: .committed)
    #expect(play.machine.snapshot.jobsDone == 1)
    #expect(play.merged("a", play.attempt(0), digest: "xxh3:bad").revoked == [0])
    #expect(play.machine.snapshot.jobsDone == 0)
    #expect(play.on(.revoked(job: 0)).notes(.disputed).count == 1)
    play.report("c", credit: 1)
    #expect(play.hands["c"] == [.merge(play.attempt(0, 3))])
    // Its is the only file left of the three.
    play.mergedWell("c", play.attempt(0, 3))
    play.report("b", credit: 1)
    #expect(play.read("b", play.attempt(0, 3)).commits == [play.attempt(0, 3)])
  }

  @Test func `a commit that cannot be taken back gives the job up`() {
    var play = raced(to: .committed)
    play.merged("a", play.attempt(0), digest: "xxh3:bad")
    #expect(
      play.on(.revokeFailed(job: 0, reason: "the disk is gone")).notes(.quarantined) == [
        "shard-0 failed: xxh3:good by b/98, xxh3:bad by a/97; its commit cannot be taken back: "
          + "the disk is gone"
      ])
  }

  @Test func `nothing is published while a commit is taken back`() {
    var play = raced(to: .committed)
    play.merged("a", play.attempt(0), digest: "xxh3:bad")
    play.report("b", credit: 1)
    play.mergedWell("b", play.attempt(1))
    play.report("c", credit: 1)
    play.read("c", play.attempt(1))
    #expect(!play.on(.committed(play.attempt(1))).contains(.publish))
  }
}
