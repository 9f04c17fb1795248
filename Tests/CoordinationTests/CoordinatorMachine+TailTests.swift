import Coordination
import Messaging
import Planning
import Testing

/// Copies of jobs that will be late.
@Suite struct CoordinatorMachineTailTests {
  /// `b` merged 1 kB in a second and is idle; `a` made 50 bytes a second of its 5 kB so far.
  /// `settled`: bytes of jobs that an earlier run committed.
  func late(
    settled: Int64 = 200_000, pending: Bool = false, byteCount: Int64 = 500
  ) -> Rehearsal {
    var play = Rehearsal(
      [5_000, 1_000, settled, 10], committed: pending ? [2] : [2, 3],
      memory: pending ? [3: 1 << 40] : [:], readsBack: false)
    play.join("a", credit: 1)
    play.report("a")
    play.join("b", credit: 1)
    play.report("b")
    play.now += 1_000
    play.mergedWell("b", play.attempt(1))
    play.on(.committed(play.attempt(1)))
    play.pass(9_000, talking: ["a", "b"])
    play.report("a", byteCount)
    play.report("b", credit: 1)
    return play
  }

  @Test func `an idle worker begins a copy of a job that will be late`() {
    var play = late()
    let directives = play.tick(after: 200)
    #expect(directives.notes(.copied) == ["it will be late"])
    #expect(directives.given(to: "b") == [.merge(play.attempt(0, 2))])
  }

  @Test func `the first result is taken and the other cancelled`() {
    for winner in ["a", "b"] {
      var play = late()
      play.tick(after: 200)
      let attempt = play.attempt(0, winner == "a" ? 1 : 2)
      let loser = play.attempt(0, winner == "a" ? 2 : 1)
      let directives = play.mergedWell(winner, attempt)
      #expect(directives.commits == [attempt])
      #expect(directives.cancelled(for: winner == "a" ? "b" : "a") == [.merge(loser)])
      #expect(directives.discarded == [loser])
    }
  }

  @Test func `a job has one copy at most`() {
    var play = late()
    play.tick(after: 200)
    play.join("c", credit: 1)
    #expect(play.tick(after: 200).given(to: "c").isEmpty)
    // Not even where the copy's worker is gone.
    play.dies("b")
    #expect(play.tick(after: 200).given(to: "c").isEmpty)
  }

  @Test func `nothing is copied while a merge waits for a worker`() {
    var play = late(pending: true)
    #expect(play.tick(after: 200).notes(.copied).isEmpty)
  }

  @Test func `nothing is copied that a copy would hardly make faster`() {
    // 4 400 bytes left at 60 a second: 73 s against 12.5 s for a copy.
    var slow = late(byteCount: 600)
    #expect(slow.tick(after: 200).notes(.copied).count == 1)
    // 2 000 bytes left at 300 a second: 7 s.
    var fast = late(byteCount: 3_000)
    #expect(fast.tick(after: 200).notes(.copied).isEmpty)
  }

  @Test func `copies write a twentieth of all bytes at most`() {
    // Of 106 010 bytes 5 300 may be copied, of 90 000 no more than 4 500.
    var enough = late(settled: 100_000)
    #expect(enough.tick(after: 200).notes(.copied).count == 1)
    var tooMuch = late(settled: 83_990)
    #expect(tooMuch.tick(after: 200).notes(.copied).isEmpty)
  }

  @Test func `a job that moves no byte is copied whatever was copied before`() {
    var play = late(settled: 10)
    #expect(play.tick(after: 200).notes(.copied).isEmpty)
    var copied: [String] = []
    for _ in 0..<32 {
      play.now += 1_000
      play.report("a", 500)
      play.report("b", credit: 1)
      copied += play.on(.tick).notes(.copied)
    }
    #expect(copied == ["it will be late"])
  }

  @Test func `an audited job is not copied`() {
    var play = Rehearsal([5_000, 1_000, 500_000], committed: [2], readsBack: false) {
      $0.auditPercent = 34  // the last one
    }
    play.join("a", credit: 1)
    play.report("a")
    play.tick(after: 200)
    #expect(play.join("b", credit: 2).given(to: "b") == [.merge(play.attempt(1))])
    var all = Rehearsal([5_000], readsBack: false) { $0.auditPercent = 100 }
    all.join("a", credit: 1)
    all.report("a", 1)
    all.join("b", credit: 1)
    all.join("c", credit: 1)
    #expect(all.pass(40_000, talking: ["a", "b", "c"]).notes(.copied).isEmpty)
  }

  @Test func `nothing is copied once the run ends`() {
    var play = late()
    play.on(.stop(reason: "stopped by SIGINT"))
    #expect(play.tick(after: 200).notes(.copied).isEmpty)
  }

  // MARK: Read-backs

  /// `a` merged 5 kB in a second; `b` read 10 bytes of it a second since, and `c` is idle.
  func lateReadBack() -> Rehearsal {
    var play = Rehearsal([5_000])
    play.join("a", credit: 1)
    play.report("a")
    play.now += 1_000
    play.join("b", credit: 1)
    play.mergedWell("a", play.attempt(0))
    play.report("b")
    play.pass(10_000, talking: ["a", "b"])
    play.report("b", 100)
    play.join("c", credit: 1)
    return play
  }

  @Test func `a read-back that will be late moves to an idle worker`() {
    var play = lateReadBack()
    let directives = play.tick(after: 200)
    #expect(directives.cancelled(for: "b") == [.readBack(play.attempt(0))])
    #expect(directives.given(to: "c") == [.readBack(play.attempt(0))])
    #expect(play.read("c", play.attempt(0)).commits == [play.attempt(0)])
  }

  @Test func `who was first counts although its read-back was moved`() {
    var play = lateReadBack()
    play.tick(after: 200)
    let directives = play.read("b", play.attempt(0))
    #expect(directives.commits == [play.attempt(0)])
    #expect(directives.cancelled(for: "c") == [.readBack(play.attempt(0))])
  }

  @Test func `a read-back moves to nobody who was asked before`() {
    var play = lateReadBack()
    play.tick(after: 200)
    play.report("b", credit: 1)
    play.pass(10_000, talking: ["a", "c"])
    play.report("b", credit: 1)
    play.report("c", 100)
    #expect(play.tick(after: 200).given(to: "b").isEmpty)
    play.join("d", credit: 1)
    #expect(play.tick(after: 200).given(to: "d") == [.readBack(play.attempt(0))])
  }
}
