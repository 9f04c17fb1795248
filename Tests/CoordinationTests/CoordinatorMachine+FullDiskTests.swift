import Coordination
import Messaging
import Planning
import Testing

@Suite struct CoordinatorMachineFullDiskTests {
  /// `a` holds the only running merge; the run must end by itself with the reason.
  func fill(_ step: (inout Rehearsal) -> Void) {
    var play = Rehearsal([10, 10])
    play.join("a", credit: 1)
    play.join("b")
    step(&play)
    var end: CoordinatorMachine.End?
    for name in ["a", "b"] { end = end ?? play.say(name, .goodbye).end }
    #expect(end == .stopped(reason: "no space left"))
  }

  @Test func `a full disk stops the run cleanly, whoever finds it`() {
    fill { play in
      let directives = play.failed("a", play.attempt(0), "no space left", .noSpace, credit: 1)
      #expect(directives.said(to: "a") == [.settled(.merge(play.attempt(0))), .dismiss])
      #expect(directives.discarded == [play.attempt(0)])
    }
    fill { play in
      play.mergedWell("a", play.attempt(0))
      play.report("b", credit: 1)
      play.failed("b", play.attempt(0), "no space left", .noSpace, kind: .readBack)
    }
    fill { play in
      play.mergedWell("a", play.attempt(0))
      play.report("b", credit: 1)
      play.read("b", play.attempt(0))
      play.on(.commitFailed(play.attempt(0), reason: "no space left", noSpace: true))
    }
  }

  @Test func `a full disk is no failure of a job or a host`() {
    var play = Rehearsal([10, 10])
    play.join("a", credit: 1)
    play.failed("a", play.attempt(0), "no space left", .noSpace)
    #expect(play.machine.snapshot.jobsFailed == 0)
  }

  @Test func `what runs while the disk is full may still be committed`() {
    var play = Rehearsal([20, 10], readsBack: false)
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.failed("a", play.attempt(0), "no space left", .noSpace)
    #expect(play.mergedWell("b", play.attempt(1)).commits == [play.attempt(1)])
    play.on(.committed(play.attempt(1)))
    play.say("a", .goodbye)
    #expect(play.say("b", .goodbye).end == .stopped(reason: "no space left"))
    #expect(play.machine.snapshot.jobsDone == 1)
  }

  @Test func `a commit that fails otherwise fails the run`() {
    var play = Rehearsal([10, 10], readsBack: false)
    play.join("a", credit: 1)
    play.mergedWell("a", play.attempt(0))
    play.on(.commitFailed(play.attempt(0), reason: "bad disk", noSpace: false))
    #expect(play.say("a", .goodbye).end == .failed(reasons: ["bad disk"]))
  }
}
