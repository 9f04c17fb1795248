import Coordination
import Messaging
import Planning
import Testing

@Suite struct CoordinatorMachineJobsTests {
  @Test func `a shard is checked, read back by another worker, and only then committed`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    play.join("b", credit: 2)
    let attempt = play.attempt(0)
    let merged = play.merged("a", attempt)
    #expect(merged.said(to: "a") == [.settled(.merge, attempt)])
    #expect(
      merged.contains(
        .check(attempt, byteCount: 10, digest: "xxh3:good", recordDigest: "xxh3:record")))
    play.say("a", .credit(count: 2))
    let checked = play.on(.checked(attempt))
    #expect(checked.given(to: "a").isEmpty)
    #expect(checked.given(to: "b") == [.readBack(attempt)])
    let read = play.read("b", attempt)
    #expect(read.said(to: "b") == [.settled(.readBack, attempt)])
    #expect(read.contains(.commit(attempt, readBackBy: "b/98")))
  }

  @Test func `a worker that is alone reads its own shard back`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    play.merged("a", play.attempt(0))
    play.say("a", .credit(count: 2))
    #expect(play.on(.checked(play.attempt(0))).given(to: "a") == [.readBack(play.attempt(0))])
  }

  @Test func `a busy worker is waited for before a writer reads its own shard`() {
    var play = Rehearsal([10, 10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.merged("a", play.attempt(0))
    play.on(.checked(play.attempt(0)))
    #expect(play.say("a", .credit(count: 2)).given(to: "a").isEmpty)
    #expect(play.say("b", .credit(count: 1)).given(to: "b") == [.readBack(play.attempt(0))])
  }

  @Test func `the writer reads its shard itself once the others are gone`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    play.join("b")
    play.merged("a", play.attempt(0))
    play.on(.checked(play.attempt(0)))
    #expect(play.say("a", .credit(count: 2)).given(to: "a").isEmpty)
    let directives = play.on(.workerGone(host: "b", processID: 98))
    #expect(directives.given(to: "a") == [.readBack(play.attempt(0))])
  }

  @Test func `a read-back goes before a merge`() {
    var play = Rehearsal([10, 10])
    play.join("a", credit: 1)
    play.merged("a", play.attempt(0))
    play.on(.checked(play.attempt(0)))
    #expect(play.join("b", credit: 1).given(to: "b") == [.readBack(play.attempt(0))])
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
    #expect(
      play.merged("a", play.attempt(0)).said(to: "a") == [.settled(.merge, play.attempt(0))])
    #expect(play.on(.checked(play.attempt(0))).commits == [play.attempt(0)])
    #expect(play.on(.checked(play.attempt(0))).commits.isEmpty)
  }

  @Test func `a result of another epoch is settled and ignored`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    let old = AttemptID(job: 0, epoch: 2, attempt: 1)
    let directives = play.merged("a", old)
    #expect(directives.said(to: "a") == [.settled(.merge, old)])
    #expect(directives.count == 1)
  }

  @Test func `a result of a job that does not exist is settled and ignored`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    #expect(
      play.merged("a", play.attempt(77)).said(to: "a") == [.settled(.merge, play.attempt(77))])
  }

  @Test func `a merge that another worker holds cannot be answered`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    play.join("b")
    #expect(
      play.merged("b", play.attempt(0)).said(to: "b") == [.settled(.merge, play.attempt(0))])
    #expect(play.machine.snapshot.bytesDone == 0)
  }

  @Test func `a read-back that nobody was asked for is ignored`() {
    var play = Rehearsal([10])
    play.join("a", credit: 2)
    play.join("b")
    play.merged("a", play.attempt(0))
    play.on(.checked(play.attempt(0)))
    #expect(play.read("b", play.attempt(0)).commits.isEmpty)
  }

  @Test func `a reader that was thought lost may still answer`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 2)
    play.merged("a", play.attempt(0))
    play.on(.checked(play.attempt(0)))
    play.join("c", credit: 0)
    play.pass(16_000, talking: ["a", "c"])  // b is lost
    play.say("c", .credit(count: 1))
    let directives = play.read("b", play.attempt(0))
    #expect(directives.commits == [play.attempt(0)])
    #expect(directives.said(to: "c") == [.cancel(.readBack, play.attempt(0))])
  }

  @Test func `an attempt whose files are not as claimed is rejected and tried elsewhere`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.merged("a", play.attempt(0))
    let directives = play.on(.checkFailed(play.attempt(0), reason: "too short"))
    #expect(directives.discarded == [play.attempt(0)])
    #expect(directives.given(to: "b") == [.merge(play.attempt(0, 2), Rehearsal.slice(0))])
  }

  @Test func `a shard that reads back differently is rejected and both workers are named`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.merged("a", play.attempt(0))
    play.on(.checked(play.attempt(0)))
    let directives = play.read("b", play.attempt(0), digest: "xxh3:bad")
    #expect(directives.discarded == [play.attempt(0)])
    #expect(
      directives.notes(.mismatch) == [
        "a/97 wrote xxh3:good, 10 bytes, but b/98 read back xxh3:bad, 10 bytes"
      ])
    // Others are preferred, and there are none: it may go to either again.
    #expect(play.say("a", .credit(count: 1)).given(to: "a").count == 1)
  }

  @Test func `a shard of another size than written is a mismatch`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.merged("a", play.attempt(0))
    play.on(.checked(play.attempt(0)))
    #expect(play.read("b", play.attempt(0), byteCount: 9).notes(.mismatch).count == 1)
  }

  @Test func `the second mismatch fails the job`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.merged("a", play.attempt(0))
    play.on(.checked(play.attempt(0)))
    play.read("b", play.attempt(0), digest: "xxh3:bad")
    play.say("a", .credit(count: 1))
    play.merged("a", play.attempt(0, 2))
    play.say("b", .credit(count: 1))
    play.on(.checked(play.attempt(0, 2)))
    let directives = play.read("b", play.attempt(0, 2), digest: "xxh3:bad")
    #expect(
      directives.notes(.ending) == [
        "shard-0 failed on a/97 (after 2 failures): a/97 wrote xxh3:good, 10 bytes, "
          + "but b/98 read back xxh3:bad, 10 bytes"
      ])
  }

  @Test func `a failed job goes to another worker if there is one`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b")
    play.failed("a", play.attempt(0))
    #expect(play.say("a", .credit(count: 1)).given(to: "a").isEmpty)
    #expect(
      play.say("b", .credit(count: 1)).given(to: "b")
        == [.merge(play.attempt(0, 2), Rehearsal.slice(0))])
  }

  @Test func `the third failure fails the job`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.failed("a", play.attempt(0))
    play.say("a", .credit(count: 1))
    play.failed("a", play.attempt(0, 2))
    play.say("a", .credit(count: 1))
    let directives = play.failed("a", play.attempt(0, 3))
    #expect(
      directives.notes(.ending) == [
        "shard-0 failed on a/97 (after 3 failures): the device says no"
      ])
  }

  @Test func `a failed read-back rejects the attempt`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.merged("a", play.attempt(0))
    play.on(.checked(play.attempt(0)))
    #expect(play.failed("b", play.attempt(0), kind: .readBack).discarded == [play.attempt(0)])
  }

  @Test func `an answer of the wrong kind is a failure`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    let directives = play.say(
      "a", .result(.merge, play.attempt(0), .readBack(byteCount: 10, digest: "xxh3:good")))
    #expect(directives.notes(.failed) == ["it answered a merge with a read-back"])
    play.say("a", .credit(count: 1))
    play.merged("a", play.attempt(0, 2))
    play.say("a", .credit(count: 1))
    play.on(.checked(play.attempt(0, 2)))
    let second = play.say(
      "a",
      .result(
        .readBack, play.attempt(0, 2),
        .merged(byteCount: 10, digest: "xxh3:good", recordDigest: "r")))
    #expect(second.notes(.failed) == ["it answered a read-back with a merge"])
  }

  @Test func `work that is handed back is given out again without blame`() {
    var play = Rehearsal([10])
    for number in 1...10 {
      play.join("a", credit: 1)
      let attempt = play.attempt(0, number)
      let back = play.say("a", .result(.merge, attempt, .handedBack))
      #expect(back.discarded == [attempt])
      #expect(back.end == nil && back.notes(.ending).isEmpty)
    }
  }

  @Test func `what a worker holds when it says goodbye is given out again at once`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    let directives = play.say("a", .goodbye)
    #expect(directives.said(to: "a") == [.farewell])
    #expect(directives.given(to: "b") == [.merge(play.attempt(0, 2), Rehearsal.slice(0))])
  }
}
