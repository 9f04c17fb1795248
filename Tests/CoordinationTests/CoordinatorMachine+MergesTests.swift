import Coordination
import Messaging
import Planning
import Testing

@Suite struct CoordinatorMachineMergesTests {
  @Test func `a shard is checked, read back by another worker, and only then committed`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    play.join("b", credit: 2)
    let attempt = play.attempt(0)
    let merged = play.merged("a", attempt, credit: 2)
    #expect(merged.said(to: "a") == [.settled(.merge(attempt))])
    #expect(
      merged.contains(
        .check(attempt, byteCount: 10, digest: "xxh3:good", recordDigest: "xxh3:record")))
    let checked = play.on(.checked(attempt))
    #expect(checked.given(to: "a").isEmpty)
    #expect(checked.given(to: "b") == [.readBack(attempt)])
    let read = play.read("b", attempt)
    #expect(read.said(to: "b") == [.settled(.readBack(attempt))])
    #expect(read.contains(.commit(attempt, readBackBy: "b/98")))
  }

  @Test func `a shard is committed on its writer's word where nobody shall read it back`() {
    var play = Rehearsal([10], readsBack: false)
    play.join("a", credit: 2)
    play.merged("a", play.attempt(0))
    #expect(play.on(.checked(play.attempt(0))).contains(.commit(play.attempt(0), readBackBy: "")))
  }

  @Test func `a repeated result is settled again and changes nothing`() {
    var play = Rehearsal([10], readsBack: false)
    play.join("a", credit: 2)
    play.merged("a", play.attempt(0))
    #expect(play.merged("a", play.attempt(0)).said(to: "a") == [.settled(.merge(play.attempt(0)))])
    #expect(play.on(.checked(play.attempt(0))).commits == [play.attempt(0)])
    #expect(play.on(.checked(play.attempt(0))).commits.isEmpty)
  }

  @Test func `a result of another epoch that left no files is settled and ignored`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    let old = play.attempt(0, epoch: 2)
    let directives = play.merged("a", old)
    #expect(directives.said(to: "a") == [.settled(.merge(old))])
    #expect(directives.count == 1)
  }

  @Test func `a result of a job that does not exist is settled and ignored`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    let directives = play.merged("a", play.attempt(77))
    #expect(directives.said(to: "a") == [.settled(.merge(play.attempt(77)))])
    #expect(directives.count == 1)
  }

  @Test func `a merge that another worker holds cannot be answered`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    play.join("b")
    #expect(play.merged("b", play.attempt(0)).said(to: "b") == [.settled(.merge(play.attempt(0)))])
    #expect(play.machine.snapshot.bytesDone == 0)
  }

  @Test func `an attempt whose files are not as claimed is rejected and tried elsewhere`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.merged("a", play.attempt(0), credit: 1)
    let directives = play.on(.checkFailed(play.attempt(0), reason: "too short"))
    #expect(directives.discarded == [play.attempt(0)])
    #expect(directives.given(to: "b") == [.merge(play.attempt(0, 2))])
    #expect(play.machine.retryCount == 1)
  }

  @Test func `an answer of the wrong kind is a failure`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    let merge = play.say(
      "a",
      .result(
        .merge(play.attempt(0)), .readBack(byteCount: 10, digest: "xxh3:good"), credit: 1))
    #expect(merge.notes(.failed) == ["it answered a merge with a read-back"])
    play.mergedWell("a", play.attempt(0, 2), credit: 1)
    let read = play.say(
      "a",
      .result(
        .readBack(play.attempt(0, 2)),
        .merged(byteCount: 10, digest: "xxh3:good", recordDigest: "r"), credit: 0))
    #expect(read.commits.isEmpty)
    #expect(
      read.notes(.failed) == [
        "a/97 wrote xxh3:good, 10 bytes, but a/97 read back it answered with a merge"
      ])
  }

  @Test func `work that is handed back is given out again without blame`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    for number in 1...10 {
      let attempt = play.attempt(0, number)
      let back = play.say("a", .result(.merge(attempt), .handedBack, credit: 1))
      #expect(back.discarded == [attempt])
      #expect(back.given(to: "a") == [.merge(play.attempt(0, number + 1))])
    }
    #expect(play.machine.retryCount == 0)
    #expect(play.machine.snapshot.jobsFailed == 0)
  }

  @Test func `a declined merge goes to others, and that worker gets smaller ones alone`() {
    var play = Rehearsal([30, 20, 40])
    play.join("a", credit: 1)
    let declined = play.say("a", .result(.merge(play.attempt(2)), .declined, credit: 1))
    #expect(declined.workers(.declined) == ["a/97"])
    #expect(declined.discarded == [play.attempt(2)])
    #expect(declined.given(to: "a") == [.merge(play.attempt(0))])
    let again = play.say("a", .result(.merge(play.attempt(0)), .declined, credit: 1))
    #expect(again.given(to: "a") == [.merge(play.attempt(1))])
    #expect(play.join("b", credit: 2).given(to: "b").map(\.attempt.job) == [2, 0])
    #expect(play.machine.retryCount == 0)
  }

  @Test func `a job that comes back later is given to a worker that was too small for the rest`() {
    var play = Rehearsal([20, 10, 5], memory: [0: 1_000, 1: 1_000, 2: 10], readsBack: false)
    // The small job first, while its worker has nobody beside it.
    let first = play.join("small", memory: 10, credit: 1)
    #expect(first.given(to: "small") == [.merge(play.attempt(2))])
    #expect(play.join("tiny", memory: 9, credit: 1).given(to: "tiny") == [])
    #expect(play.join("other", memory: 10, credit: 1).given(to: "other") == [])
    let left = play.say("small", .goodbye)
    #expect(left.given(to: "other") == [.merge(play.attempt(2, 2))])
    #expect(left.given(to: "tiny") == [])
    let last = play.join("large", memory: 1_000, credit: 1)
    #expect(last.given(to: "large") == [.merge(play.attempt(0))])
  }

  @Test func `a job is given to workers alone that have the memory for it`() {
    var play = Rehearsal([20, 10], memory: [0: 1_000])
    #expect(play.join("a", memory: 999, credit: 2).given(to: "a") == [.merge(play.attempt(1))])
    #expect(play.join("b", memory: 1_000, credit: 1).given(to: "b") == [.merge(play.attempt(0))])
  }

  @Test func `what a worker holds when it says goodbye is given out again at once`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    let directives = play.say("a", .goodbye)
    #expect(directives.said(to: "a") == [.farewell])
    #expect(directives.given(to: "b") == [.merge(play.attempt(0, 2))])
    #expect(play.say("a", .goodbye).said(to: "a") == [.farewell])
  }
}
