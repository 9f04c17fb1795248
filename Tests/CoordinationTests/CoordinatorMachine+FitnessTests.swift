import Coordination
import Messaging
import Planning
import Testing

/// Hosts that get no more work, and that no rule about who may do what stops a run for ever.
@Suite struct CoordinatorMachineFitnessTests {
  /// Job after job fails on `b` and then succeeds on `a`.
  @discardableResult
  func strike(_ play: inout Rehearsal, jobs: [Int]) -> [Rehearsal.Directive] {
    var all: [Rehearsal.Directive] = []
    for job in jobs {
      all += play.report("b", credit: 1)
      all += play.failed("b", play.attempt(job))
      all += play.report("a", credit: 1)
      all += play.merged("a", play.attempt(job, 2))
      all += play.on(.checked(play.attempt(job, 2)))
      all += play.on(.committed(play.attempt(job, 2)))
    }
    return all
  }

  /// Equal jobs, `a` and `b` idle.
  func pair(_ count: Int, readsBack: Bool = false) -> Rehearsal {
    var play = Rehearsal(Array(repeating: 10, count: count), readsBack: readsBack)
    play.join("a")
    play.join("b")
    return play
  }

  // MARK: Strikes

  @Test func `a host on which three jobs in a row fail that succeed elsewhere is drained`() {
    var play = pair(5)
    #expect(strike(&play, jobs: [0, 1]).notes(.drained).isEmpty)
    #expect(
      strike(&play, jobs: [2]).notes(.drained) == [
        "b gets no more work: shard-2 failed there and succeeded on a, the last of 3"
      ])
    #expect(play.report("b", credit: 1).given(to: "b").isEmpty)
    #expect(play.report("a", credit: 1).given(to: "a").count == 1)
  }

  @Test func `a success in between clears a host`() {
    var play = pair(6)
    strike(&play, jobs: [0, 1])
    play.report("b", credit: 1)
    play.mergedWell("b", play.attempt(2))
    play.on(.committed(play.attempt(2)))
    #expect(strike(&play, jobs: [3, 4]).notes(.drained).isEmpty)
    #expect(play.report("b", credit: 1).given(to: "b").count == 1)
  }

  @Test func `a job that fails everywhere is held against no host`() {
    var play = Rehearsal([20, 10], readsBack: false)
    play.join("a")
    for name in ["a", "a", "a"] {
      while play.hands[name]?.isEmpty != false {
        play.tick(after: 100)
        play.report(name, credit: 1)
      }
      play.failed(name, play.hands[name]![0].attempt)
    }
    #expect(play.machine.snapshot.jobsFailed == 1)
    play.report("a", credit: 1)
    #expect(play.hands["a"] == [.merge(play.attempt(1))])
  }

  @Test func `a drained host works again where no other lives`() {
    var play = pair(5)
    strike(&play, jobs: [0, 1, 2])
    play.report("b", credit: 1)
    #expect(play.dies("a").given(to: "b").count == 1)
  }

  // MARK: Nothing waits for ever

  @Test func `the writer reads its own shard where every other host is drained`() {
    var play = Rehearsal(Array(repeating: 10, count: 4))
    play.join("a")
    play.join("b")
    for job in 0..<3 {
      play.report("b", credit: 1)
      play.failed("b", play.attempt(job))
      play.report("a", credit: 1)
      play.mergedWell("a", play.attempt(job, 2))
      play.report("b", credit: 1)
      play.read("b", play.attempt(job, 2))
      play.on(.committed(play.attempt(job, 2)))
    }
    #expect(play.report("b", credit: 1).given(to: "b").isEmpty)
    play.report("a", credit: 1)
    play.mergedWell("a", play.attempt(3))
    #expect(play.report("a", credit: 1).given(to: "a") == [.readBack(play.attempt(3))])
  }

  @Test func `a job that a drained host alone has the memory for goes there`() {
    var play = Rehearsal([10, 10, 10, 5], memory: [3: 1_000], readsBack: false)
    play.join("a", memory: 500)
    play.join("b", memory: 2_000)
    strike(&play, jobs: [0, 1, 2])
    #expect(play.report("a", credit: 1).given(to: "a").isEmpty)
    #expect(play.report("b", credit: 1).given(to: "b") == [.merge(play.attempt(3))])
  }

  @Test func `a read-back does not wander to an idle worker that may not read it`() {
    var play = Rehearsal([10, 10, 10, 40, 50], readsBack: true)
    play.join("a")
    play.join("b")
    play.join("c")
    // `b` is drained by what it misreads.
    for job in [4, 3, 0] {
      play.report("a", credit: 1)
      play.mergedWell("a", play.attempt(job))
      play.report("b", credit: 1)
      play.read("b", play.attempt(job), digest: "xxh3:bad")
      play.report("c", credit: 1)
      play.read("c", play.attempt(job))
      play.on(.committed(play.attempt(job)))
    }
    play.report("a", credit: 1)
    play.report("c", credit: 2)
    play.mergedWell("a", play.attempt(1))
    play.report("c", 1, credit: 1)
    #expect(play.hands["c"] == [.merge(play.attempt(2)), .readBack(play.attempt(1))])
    let idle = play.report("b", credit: 1)
    #expect(idle.given(to: "b").isEmpty)
    #expect(idle.cancelled(for: "c").isEmpty)
  }

  @Test func `a drained host gives a second opinion where no other can`() {
    var play = Rehearsal(Array(repeating: 10, count: 4), readsBack: false) {
      $0.auditPercent = 25  // the last one
    }
    play.join("a")
    play.join("b")
    strike(&play, jobs: [0, 1, 2])
    play.report("a", credit: 1)
    play.mergedWell("a", play.attempt(3))
    #expect(play.report("a", credit: 1).given(to: "a").isEmpty)
    #expect(play.report("b", credit: 1).given(to: "b") == [.merge(play.attempt(3, 2))])
  }

  @Test func `a job that nobody better takes for thirty seconds goes to who is there`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b")
    play.failed("a", play.attempt(0))
    var given: [TaskID] = []
    for second in 1...31 {
      play.now += 1_000
      given = play.report("a", credit: 1).given(to: "a")
      play.report("b")
      #expect(given.isEmpty == (second < 31), "\(second)")
    }
    #expect(given == [.merge(play.attempt(0, 2))])
  }

  @Test func `a read-back that nobody takes for thirty seconds is done by its writer`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b")
    play.mergedWell("a", play.attempt(0))
    #expect(play.pass(30_000, talking: ["a", "b"]).notes(.lost).isEmpty)
    #expect(play.report("a", credit: 1).given(to: "a").isEmpty)
    play.now += 1_000
    #expect(play.report("a", credit: 1).given(to: "a") == [.readBack(play.attempt(0))])
  }

  @Test func `but not where it was doubted, and never by who doubted it`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.join("c")
    play.mergedWell("a", play.attempt(0))
    play.read("b", play.attempt(0), digest: "xxh3:bad")
    play.pass(31_000, talking: ["a", "b", "c"])
    #expect(play.report("a", credit: 1).given(to: "a").isEmpty)
    #expect(play.report("b", credit: 1).given(to: "b").isEmpty)
    #expect(play.report("c", credit: 1).given(to: "c") == [.readBack(play.attempt(0))])
  }

  @Test func `an audited job that failed once does not wait between two workers`() {
    var play = Rehearsal([10], readsBack: false) { $0.auditPercent = 100 }
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.failed("a", play.attempt(0))
    play.mergedWell("b", play.attempt(0, 2))
    let given =
      play.report("a", credit: 1).given(to: "a") + play.report("b", credit: 1).given(to: "b")
    #expect(given == [.merge(play.attempt(0, 3))])
  }
}
