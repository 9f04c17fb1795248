import Coordination
import Messaging
import Planning
import Testing

/// Reading back, and what a reader's doubt leads to.
@Suite struct CoordinatorMachineCommitsTests {
  /// `a` has merged the only job and `b` was asked to read it; `others` are there and idle.
  func reading(_ others: [String] = []) -> Rehearsal {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.mergedWell("a", play.attempt(0))
    for name in others { play.join(name) }
    return play
  }

  @Test func `a worker that is alone reads its own shard back`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    play.merged("a", play.attempt(0), credit: 2)
    #expect(play.on(.checked(play.attempt(0))).given(to: "a") == [.readBack(play.attempt(0))])
  }

  @Test func `a busy worker is waited for before a writer reads its own shard`() {
    var play = Rehearsal([10, 10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.mergedWell("a", play.attempt(0))
    #expect(play.report("a", credit: 2).given(to: "a").isEmpty)
    #expect(play.report("b", credit: 1).given(to: "b") == [.readBack(play.attempt(0))])
  }

  @Test func `the writer reads its shard itself once the others are gone`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    play.join("b")
    play.mergedWell("a", play.attempt(0))
    #expect(play.report("a", credit: 2).given(to: "a").isEmpty)
    #expect(play.dies("b").given(to: "a") == [.readBack(play.attempt(0))])
  }

  @Test func `a read-back goes before a merge`() {
    var play = Rehearsal([10, 10])
    play.join("a", credit: 1)
    play.mergedWell("a", play.attempt(0))
    #expect(play.join("b", credit: 1).given(to: "b") == [.readBack(play.attempt(0))])
  }

  @Test func `a read-back that nobody was asked for is ignored`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    play.join("b")
    play.mergedWell("a", play.attempt(0))
    #expect(play.read("b", play.attempt(0)).commits.isEmpty)
  }

  @Test func `a reader that was thought lost may still answer`() {
    var play = reading(["c"])
    play.pass(16_000, talking: ["a", "c"])  // b is lost
    #expect(play.report("c", credit: 1).given(to: "c") == [.readBack(play.attempt(0))])
    let directives = play.read("b", play.attempt(0))
    #expect(directives.commits == [play.attempt(0)])
    #expect(directives.cancelled(for: "c") == [.readBack(play.attempt(0))])
  }

  @Test func `a reader that found other bytes is held against a second reader`() {
    var play = reading(["c"])
    let doubted = play.read("b", play.attempt(0), digest: "xxh3:bad")
    #expect(
      doubted.notes(.mismatch) == [
        "a/97 wrote xxh3:good, 10 bytes, but b/98 read back xxh3:bad, 10 bytes"
      ])
    #expect(doubted.discarded.isEmpty)
    #expect(play.report("b", credit: 1).given(to: "b").isEmpty)
    #expect(play.report("c", credit: 1).given(to: "c") == [.readBack(play.attempt(0))])
    // The second one agrees with the writer: the first one stands alone.
    #expect(play.read("c", play.attempt(0)).contains(.commit(play.attempt(0), readBackBy: "c/99")))
  }

  @Test func `two readers against the writer reject its attempt and blame its host`() {
    var play = reading(["c"])
    play.read("b", play.attempt(0), digest: "xxh3:bad", credit: 0)
    play.report("c", credit: 1)
    let rejected = play.read("c", play.attempt(0), byteCount: 9)
    #expect(rejected.discarded == [play.attempt(0)])
    #expect(rejected.workers(.failed) == ["a/97"])
    #expect(play.report("a", credit: 1).given(to: "a").isEmpty)
    #expect(play.report("b", credit: 1).given(to: "b") == [.merge(play.attempt(0, 2))])
  }

  @Test func `one word against another rejects the attempt and blames nobody`() {
    var play = reading()
    let rejected = play.read("b", play.attempt(0), digest: "xxh3:bad")
    #expect(rejected.discarded == [play.attempt(0)])
    // Others are preferred, and there are none: after a pause it may go to either again.
    play.tick(after: 1_000)
    #expect(play.report("a", credit: 1).given(to: "a") == [.merge(play.attempt(0, 2))])
  }

  @Test func `a second reader that leaves ends in one word against another`() {
    var play = reading(["c"])
    play.read("b", play.attempt(0), digest: "xxh3:bad")
    play.say("c", .goodbye)
    play.report("a", credit: 1)
    play.report("b", credit: 1)
    let directives = play.tick(after: 200)
    #expect(directives.discarded == [play.attempt(0)])
    #expect(play.tick(after: 1_000).given(to: "a") == [.merge(play.attempt(0, 2))])
  }

  @Test func `a writer alone does not clear itself of a doubt`() {
    var play = reading(["c"])
    play.read("b", play.attempt(0), digest: "xxh3:bad")
    for name in ["b", "c"] { play.say(name, .goodbye) }
    #expect(play.report("a", credit: 1).given(to: "a").isEmpty)
    #expect(play.tick(after: 200).discarded == [play.attempt(0)])
    play.tick(after: 1_000)
    #expect(play.hands["a"] == [.merge(play.attempt(0, 2))])
  }

  @Test func `a shard of another size than written is a mismatch`() {
    var play = reading()
    #expect(play.read("b", play.attempt(0), byteCount: 9).notes(.mismatch).count == 1)
  }

  @Test func `a reader that cannot read is doubted like one that found other bytes`() {
    var play = reading(["c"])
    let directives = play.failed("b", play.attempt(0), "cannot open it", kind: .readBack)
    #expect(directives.discarded.isEmpty)
    #expect(
      directives.notes(.mismatch) == [
        "a/97 wrote xxh3:good, 10 bytes, but b/98 read back cannot open it"
      ])
    #expect(play.report("c", credit: 1).given(to: "c") == [.readBack(play.attempt(0))])
  }

  @Test func `a read-back that is handed back goes to the next reader without doubt`() {
    var play = reading(["c"])
    play.say("b", .result(.readBack(play.attempt(0)), .handedBack, credit: 0))
    #expect(play.report("c", credit: 1).given(to: "c") == [.readBack(play.attempt(0))])
  }

  @Test func `a lost reader costs the shard nothing`() {
    var play = reading(["c"])
    play.report("c", credit: 1)
    let directives = play.dies("b")
    #expect(directives.discarded.isEmpty)
    #expect(directives.notes(.died).isEmpty)
    #expect(directives.given(to: "c") == [.readBack(play.attempt(0))])
  }

  @Test func `a host that misreads three times in a row gets no more work`() {
    var play = Rehearsal([10, 10, 10, 10])
    for name in ["a", "b", "c"] { play.join(name) }
    var drained: [String] = []
    for job in 0..<3 {
      play.report("a", credit: 1)
      let attempt = play.attempt(job)
      play.mergedWell("a", attempt)
      play.report("b", credit: 1)
      play.read("b", attempt, digest: "xxh3:bad")
      play.report("c", credit: 1)
      drained += play.read("c", attempt).notes(.drained)
      play.on(.committed(attempt))
    }
    #expect(drained == ["b gets no more work: b/98 misread shard-2, the last of 3"])
    #expect(play.report("b", credit: 1).given(to: "b").isEmpty)
  }
}
