import Coordination
import Messaging
import Planning
import Testing

/// Jobs that are merged twice, and what follows where the two differ.
@Suite struct CoordinatorMachineAuditTests {
  func audited(_ sizes: [Int64] = [10], readsBack: Bool = false) -> Rehearsal {
    Rehearsal(sizes, readsBack: readsBack) { $0.auditPercent = 100 }
  }

  /// `a` and `b` have made different bytes of job 0; `others` are there and idle.
  func disputed(_ others: [String] = []) -> Rehearsal {
    var play = audited([10, 5])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    for name in others { play.join(name) }
    play.mergedWell("a", play.attempt(0))
    play.mergedWell("b", play.attempt(0, 2), digest: "xxh3:bad")
    return play
  }

  // MARK: Audits

  @Test func `a quarter of the jobs is a quarter of the jobs`() {
    var play = Rehearsal(Array(repeating: 10, count: 8), readsBack: false) { $0.auditPercent = 25 }
    for number in 0..<16 { play.join("w\(number)", credit: 1) }
    var times = [Int](repeating: 0, count: 8)
    for tasks in play.hands.values { for task in tasks { times[task.attempt.job] += 1 } }
    #expect(times == [1, 1, 1, 2, 1, 1, 1, 2])
  }

  @Test func `an audited job goes to two workers`() {
    var play = audited()
    #expect(play.join("a", credit: 2).given(to: "a") == [.merge(play.attempt(0))])
    #expect(play.join("b", credit: 2).given(to: "b") == [.merge(play.attempt(0, 2))])
    #expect(play.join("c", credit: 2).given(to: "c").isEmpty)
  }

  @Test func `of another host where one lives`() {
    var play = audited()
    play.join("k", host: "k")
    play.join("h1", host: "h", credit: 1)
    #expect(play.join("h2", host: "h", credit: 1).given(to: "h2").isEmpty)
    #expect(play.report("k", credit: 1).given(to: "k") == [.merge(play.attempt(0, 2))])
  }

  @Test func `of the same host where no other lives`() {
    var play = audited()
    play.join("h1", host: "h", credit: 1)
    #expect(play.join("h2", host: "h", credit: 1).given(to: "h2").count == 1)
  }

  @Test func `where nobody else can merge it for two minutes it is given up, not committed`() {
    var play = audited()
    play.join("a", credit: 1)
    play.mergedWell("a", play.attempt(0), credit: 1)
    #expect(play.pass(120_000, talking: ["a"]).notes(.quarantined).isEmpty)
    let directives = play.pass(1_000, talking: ["a"])
    #expect(
      directives.notes(.quarantined) == [
        "shard-0 failed: it shall be merged twice and compared (--audit), and no second worker was "
          + "there to do it for 120 s; run again with another worker"
      ])
    #expect(directives.commits.isEmpty)
  }

  @Test func `a run that ends gives nothing up for want of a second worker`() {
    var play = audited([10, 5])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.mergedWell("a", play.attempt(0), credit: 1)
    // The disk is full: what runs may finish, and takes its time.
    play.on(.commitFailed(play.attempt(0), reason: "no space left", noSpace: true))
    play.join("c")
    play.say("a", .goodbye)
    #expect(play.pass(130_000, talking: ["b", "c"]).notes(.quarantined).isEmpty)
  }

  @Test func `a busy second worker is waited for`() {
    var play = audited()
    play.join("a", credit: 1)
    play.join("b")
    play.mergedWell("a", play.attempt(0))
    #expect(play.pass(180_000, talking: ["a", "b"]).notes(.quarantined).isEmpty)
    #expect(play.report("b", credit: 1).given(to: "b") == [.merge(play.attempt(0, 2))])
  }

  @Test func `two that agree commit one and discard the other`() {
    var play = audited([10, 5])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    #expect(play.mergedWell("b", play.attempt(0, 2)).commits.isEmpty)
    #expect(play.mergedWell("a", play.attempt(0)).commits == [play.attempt(0, 2)])
    #expect(play.on(.committed(play.attempt(0, 2))).discarded == [play.attempt(0)])
    #expect(play.machine.snapshot.jobsDone == 1)
  }

  @Test func `what is audited is read back as well`() {
    var play = audited(readsBack: true)
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.mergedWell("a", play.attempt(0))
    #expect(play.mergedWell("b", play.attempt(0, 2)).commits.isEmpty)
    #expect(play.report("b", credit: 1).given(to: "b") == [.readBack(play.attempt(0))])
  }

  @Test func `without an audit a job is merged once`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    #expect(play.join("b", credit: 1).given(to: "b").isEmpty)
  }

  // MARK: Disputes

  @Test func `two digests are told with both workers, and a third worker is asked`() {
    var play = audited()
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.mergedWell("a", play.attempt(0))
    let directives = play.mergedWell("b", play.attempt(0, 2), digest: "xxh3:bad")
    #expect(
      directives.notes(.disputed) == [
        "shard-0 was made with different bytes: xxh3:good by a/97, xxh3:bad by b/98; a third "
          + "worker settles it"
      ])
    #expect(directives.commits.isEmpty)
    #expect(play.join("c", credit: 1).given(to: "c") == [.merge(play.attempt(0, 3))])
  }

  @Test func `neither of the two may be the third`() {
    var play = disputed()
    #expect(play.report("a", credit: 1).given(to: "a") == [.merge(play.attempt(1))])
    #expect(play.report("b", credit: 1).given(to: "b") == [.merge(play.attempt(1, 2))])
    #expect(play.report("a", credit: 1).given(to: "a").isEmpty)
  }

  @Test(arguments: [true, false]) func `the third settles it and the loser's host is drained`(
    aIsRight: Bool
  ) {
    var play = disputed(["c"])
    play.report("c", credit: 1)
    let digest = aIsRight ? "xxh3:good" : "xxh3:bad"
    let settled = play.mergedWell("c", play.attempt(0, 3), digest: digest)
    let (right, wrong) = aIsRight ? (1, 2) : (2, 1)
    #expect(settled.commits == [play.attempt(0, right)])
    #expect(settled.discarded == [play.attempt(0, wrong)])
    let loser = aIsRight ? "b" : "a"
    let label = aIsRight ? "b/98" : "a/97"
    #expect(
      settled.notes(.settled) == [
        "shard-0: two of three agree on \(digest); \(label) made "
          + (aIsRight ? "xxh3:bad" : "xxh3:good")
      ])
    #expect(
      settled.notes(.drained) == [
        "\(loser) gets no more work: \(label) made other bytes of shard-0 than two others; test "
          + "this machine"
      ])
    #expect(play.report(loser, credit: 1).given(to: loser).isEmpty)
    // The agreeing file that is not needed goes with the commit.
    #expect(
      play.on(.committed(play.attempt(0, right))).discarded.contains(play.attempt(0, 3)))
  }

  @Test func `three different shards give the job up`() {
    var play = disputed(["c"])
    play.report("c", credit: 1)
    let directives = play.mergedWell("c", play.attempt(0, 3), digest: "xxh3:ugly")
    #expect(
      directives.notes(.quarantined) == [
        "shard-0 failed: three workers made three different shards: xxh3:good by a/97, xxh3:bad "
          + "by b/98, xxh3:ugly by c/99"
      ])
    #expect(Set(directives.discarded) == Set((1...3).map { play.attempt(0, $0) }))
  }

  @Test func `without a third worker the job is given up after fifteen seconds`() {
    var play = disputed()
    #expect(play.pass(15_000, talking: ["a", "b"]).notes(.quarantined).isEmpty)
    #expect(
      play.pass(1_000, talking: ["a", "b"]).notes(.quarantined) == [
        "shard-0 failed: it was made with different bytes: xxh3:good by a/97, xxh3:bad by b/98, "
          + "and no third worker is there to settle it; one of these machines computes or stores "
          + "wrongly: test both, then run again with other workers"
      ])
  }

  @Test func `a third worker that is busy is waited for`() {
    var play = disputed(["c"])
    #expect(play.pass(60_000, talking: ["a", "b", "c"]).notes(.quarantined).isEmpty)
  }
}
