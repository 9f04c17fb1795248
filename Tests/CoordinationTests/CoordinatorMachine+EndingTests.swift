import Coordination
import Messaging
import Planning
import Testing

@Suite struct CoordinatorMachineEndingTests {
  /// Everything up to the commit of the only job, without read-back.
  func committed(_ play: inout Rehearsal) -> [Rehearsal.Directive] {
    play.join("a", credit: 1)
    play.merged("a", play.attempt(0))
    play.on(.checked(play.attempt(0)))
    return play.on(.committed(play.attempt(0)))
  }

  @Test func `when all is committed the output is published and the workers go`() {
    var play = Rehearsal([10], readsBack: false)
    let directives = committed(&play)
    #expect(directives.contains(.publish))
    #expect(directives.said(to: "a") == [.dismiss])
    #expect(play.say("a", .goodbye).end == nil)
    #expect(play.on(.published).end == .finished)
    #expect(play.machine.workersUsed == 1)
    #expect(play.on(.tick).isEmpty)
  }

  @Test func `a merge that was all committed before is published without a worker`() {
    var play = Rehearsal([10, 10], committed: [0, 1])
    #expect(play.on(.tick).contains(.publish))
    #expect(play.on(.published).end == .finished)
  }

  @Test func `dismissed workers are waited for three seconds and reminded`() {
    var play = Rehearsal([10], readsBack: false)
    _ = committed(&play)
    #expect(play.on(.published).end == nil)
    #expect(play.tick(after: 600).said(to: "a") == [.dismiss])
    #expect(play.tick(after: 2_300).end == nil)
    #expect(play.tick(after: 200).end == .finished)
  }

  @Test func `a worker that comes when all is done is sent home`() {
    var play = Rehearsal([10], readsBack: false)
    _ = committed(&play)
    #expect(play.join("late").said(to: "late") == [.dismiss])
  }

  @Test func `a failed publication fails the run`() {
    var play = Rehearsal([10], committed: [0])
    play.on(.tick)
    #expect(
      play.on(.publishFailed(reason: "the output exists", noSpace: false)).end
        == .failed(reasons: ["the output exists"]))
  }

  @Test func `a publication without space stops the run`() {
    var play = Rehearsal([10], committed: [0])
    play.on(.tick)
    #expect(
      play.on(.publishFailed(reason: "no space left", noSpace: true)).end
        == .stopped(reason: "no space left"))
  }

  @Test func `a stop dismisses the workers and ends when they are gone`() {
    var play = Rehearsal([10, 10])
    play.join("a", credit: 1)
    let stop = play.on(.stop(reason: "stopped by SIGINT"))
    #expect(stop.said(to: "a") == [.dismiss])
    #expect(stop.end == nil)
    #expect(play.say("a", .goodbye).end == .stopped(reason: "stopped by SIGINT"))
  }

  @Test func `nothing is given out after a stop`() {
    var play = Rehearsal([10, 10])
    play.join("a", credit: 1)
    play.on(.stop(reason: "stopped by SIGINT"))
    #expect(play.report("a", credit: 2).given(to: "a").isEmpty)
    let late = play.merged("a", play.attempt(0))
    #expect(late.said(to: "a") == [.settled(.merge(play.attempt(0)))])
    #expect(late.count == 1)
  }

  @Test func `a stop waits for a commit that is under way`() {
    var play = Rehearsal([10, 10], readsBack: false)
    play.join("a", credit: 1)
    play.merged("a", play.attempt(0))
    play.on(.checked(play.attempt(0)))
    play.on(.stop(reason: "stopped by SIGINT"))
    #expect(play.say("a", .goodbye).end == nil)
    #expect(play.on(.committed(play.attempt(0))).end == .stopped(reason: "stopped by SIGINT"))
    #expect(play.machine.snapshot.jobsDone == 1)
  }

  @Test func `a stop while publishing lets the publication finish`() {
    var play = Rehearsal([10], committed: [0])
    play.on(.tick)
    play.on(.stop(reason: "stopped by SIGINT"))
    #expect(play.on(.published).end == .finished)
  }

  // MARK: Failures

  /// `a` is the only worker and finds a fault in job 0 twice.
  func giveUp(_ play: inout Rehearsal) -> [Rehearsal.Directive] {
    play.failed("a", play.attempt(0), "weight x is not finite", .input, credit: 1)
      + play.failed("a", play.attempt(0, 2), "weight x is not finite", .input, credit: 1)
  }

  @Test func `a failed job does not end the run: the rest is done before it fails`() {
    var play = Rehearsal([30, 20], readsBack: false)
    play.join("a", credit: 1)
    let failure = giveUp(&play)
    #expect(failure.notes(.ending).isEmpty)
    #expect(failure.given(to: "a").last == .merge(play.attempt(1)))
    play.mergedWell("a", play.attempt(1))
    let last = play.on(.committed(play.attempt(1)))
    #expect(!last.contains(.publish))
    #expect(last.said(to: "a") == [.dismiss])
    #expect(
      play.say("a", .goodbye).end
        == .failed(reasons: [
          "incomplete: 1 of 2 shards failed, 1 are committed and kept: shard-0 failed on a/97: "
            + "weight x is not finite"
        ]))
    #expect(play.machine.snapshot.jobsDone == 1)
    #expect(play.machine.snapshot.jobsFailed == 1)
  }

  @Test func `all failed jobs are told in one sentence`() {
    var play = Rehearsal([20, 10])
    play.join("a", credit: 1)
    for job in 0..<2 {
      for number in 1...2 {
        play.failed("a", play.attempt(job, number), "fault \(job)", .input, credit: 1)
      }
    }
    #expect(
      play.say("a", .goodbye).end
        == .failed(reasons: [
          "incomplete: 2 of 2 shards failed, 0 are committed and kept: shard-0 failed on a/97: "
            + "fault 0; shard-1 failed on a/97: fault 1"
        ]))
  }

  @Test func `what fails the run lets running work finish and gives out no merge`() {
    var play = Rehearsal([30, 20, 10, 5])
    play.join("a", credit: 1)
    play.join("b", credit: 2)
    play.report("b")
    play.mergedWell("a", play.attempt(0))
    play.join("c", credit: 1)
    play.read("c", play.attempt(0))
    let failure = play.on(
      .commitFailed(play.attempt(0), reason: "the record is read-only", noSpace: false))
    // What waits is taken back, what runs is not.
    #expect(failure.cancelled(for: "b") == [.merge(play.attempt(2))])
    #expect(failure.end == nil)
    #expect(play.report("a", credit: 1).given(to: "a").isEmpty)
    // Its shard is read back and committed all the same.
    play.merged("b", play.attempt(1))
    #expect(play.on(.checked(play.attempt(1))).given(to: "a") == [.readBack(play.attempt(1))])
    #expect(play.read("a", play.attempt(1)).commits == [play.attempt(1)])
    let last = play.on(.committed(play.attempt(1)))
    for name in ["a", "b", "c"] {
      #expect(last.said(to: name) == [.dismiss])
      let directives = play.say(name, .goodbye)
      #expect((directives.end == nil) == (name != "c"))
    }
    #expect(play.machine.snapshot.jobsDone == 1)
  }

  // MARK: Nobody left

  @Test func `a run whose workers are all gone for good fails`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    #expect(play.on(.noMoreWorkers(reason: "all workers ended")).end == nil)
    #expect(
      play.dies("a").end == .failed(reasons: ["all workers ended"]))
  }

  @Test func `the last commit still counts when its worker is gone for good`() {
    var play = Rehearsal([10], readsBack: false)
    play.join("a", credit: 1)
    play.merged("a", play.attempt(0))
    play.dies("a")
    play.on(.noMoreWorkers(reason: "all workers ended"))
    play.on(.checked(play.attempt(0)))
    #expect(play.on(.committed(play.attempt(0))).contains(.publish))
  }

  @Test func `progress counts finished shards and the bytes of unfinished ones`() {
    var play = Rehearsal([100, 50, 7], committed: [2], readsBack: false)
    #expect(
      play.machine.snapshot
        == ProgressSnapshot(
          jobsDone: 1, jobsTotal: 3, bytesDone: 7, bytesTotal: 157, workers: 0,
          phase: "waiting for workers"))
    play.join("a", credit: 2)
    play.report("a", 30)
    #expect(play.machine.snapshot.bytesDone == 37)
    // It never goes back, and never beyond the shard.
    play.report("a", 20)
    #expect(play.machine.snapshot.bytesDone == 37)
    play.report("a", 999)
    #expect(play.machine.snapshot.bytesDone == 107)
    play.merged("a", play.attempt(0))
    #expect(play.machine.snapshot.bytesDone == 107)
    #expect(play.machine.snapshot.workers == 1)
    #expect(play.machine.snapshot.phase == "finishing")
  }
}
