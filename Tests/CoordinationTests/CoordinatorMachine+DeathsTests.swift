import Coordination
import Messaging
import Planning
import Testing

/// What the deaths of its workers cost a job.
@Suite struct CoordinatorMachineDeathsTests {
  /// So many workers, each of a host of its own unless said otherwise, die with job 0.
  @discardableResult
  func kill(
    _ numbers: ClosedRange<Int>, in play: inout Rehearsal, host: String? = nil
  ) -> [Rehearsal.Directive] {
    var all: [Rehearsal.Directive] = []
    for number in numbers {
      all += play.join("w\(number)", host: host, credit: 2)
      all += play.dies("w\(number)", host: host)
    }
    return all
  }

  @Test func `after two deaths a job runs with nothing else on its worker`() {
    var play = Rehearsal([30, 10, 5])
    let deaths = kill(1...2, in: &play)
    #expect(deaths.notes(.died).count == 2)
    #expect(
      deaths.notes(.suspected) == [
        "2 workers died with it; from now on it runs alone"
      ])
    #expect(play.join("a", credit: 2).given(to: "a") == [.merge(play.attempt(0, 3))])
    #expect(play.report("a", credit: 1).given(to: "a").isEmpty)
  }

  @Test func `a suspected job waits for a worker that does nothing else`() {
    var play = Rehearsal([30, 40])
    play.join("busy", credit: 1)
    kill(1...2, in: &play)
    #expect(play.report("busy", credit: 1).given(to: "busy").isEmpty)
    let done = play.mergedWell("busy", play.attempt(1))
    #expect(done.given(to: "busy").isEmpty)
    #expect(play.join("idle", credit: 1).given(to: "idle") == [.readBack(play.attempt(1))])
    #expect(play.report("busy", credit: 1).given(to: "busy") == [.merge(play.attempt(0, 3))])
  }

  @Test func `three more deaths alone, on three hosts, give it up`() {
    var play = Rehearsal([30, 10])
    #expect(kill(1...4, in: &play).notes(.quarantined).isEmpty)
    #expect(
      kill(5...5, in: &play).notes(.quarantined) == [
        "shard-0 failed: 5 workers died while they worked on it, the last 3 of them with nothing "
          + "else to do, on w3, w4, w5"
      ])
    #expect(play.join("a", credit: 2).given(to: "a").map(\.attempt.job) == [1])
  }

  @Test func `where fewer hosts live, on each of them`() {
    var play = Rehearsal([30])
    #expect(kill(1...4, in: &play, host: "h").notes(.quarantined).isEmpty)
    #expect(kill(5...5, in: &play, host: "h").notes(.quarantined).count == 1)
  }

  @Test func `not while a host lives that has not tried it`() {
    var play = Rehearsal([30])
    kill(1...4, in: &play, host: "h")
    play.join("w5", host: "h", credit: 1)
    play.join("k", host: "k")
    #expect(play.dies("w5", host: "h").notes(.quarantined).isEmpty)
    play.report("k", credit: 1)
    #expect(
      play.dies("k").notes(.quarantined) == [
        "shard-0 failed: 6 workers died while they worked on it, the last 4 of them with nothing "
          + "else to do, on h, k"
      ])
  }

  @Test func `the task that waited behind the one that ran is not blamed`() {
    var play = Rehearsal([30, 10])
    for number in 1...2 {
      play.join("w\(number)", credit: 2)
      play.report("w\(number)")
      play.dies("w\(number)")
    }
    play.join("a", credit: 2)  // takes the suspected one
    #expect(play.join("b", credit: 2).given(to: "b") == [.merge(play.attempt(1, 3))])
    #expect(play.report("b", credit: 1).given(to: "b").isEmpty)
  }

  @Test func `silence counts as death until the worker speaks again`() {
    var play = Rehearsal([30, 10])
    play.join("a", credit: 1)
    play.pass(16_000)
    play.join("b", credit: 1)
    #expect(play.pass(16_000).notes(.suspected).count == 1)
    // One of them was only cut off.
    play.say("a", .progress(running: nil, byteCount: 0, held: [], credit: 0))
    #expect(play.join("c", credit: 2).given(to: "c").count == 2)
  }

  @Test func `who leaves or is barred is no death`() {
    var play = Rehearsal([30])
    var all: [Rehearsal.Directive] = []
    for number in 1...6 {
      play.join("w\(number)", credit: 1)
      all +=
        number % 2 == 0
        ? play.say("w\(number)", .goodbye) : play.on(.barred(key: "w\(number)", reason: "revoked"))
    }
    #expect(all.notes(.died).isEmpty && all.notes(.suspected).isEmpty)
  }

  // MARK: Deaths that bring nothing

  @Test func `a run in which two dozen workers die for nothing ends`() {
    var play = Rehearsal([10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10])
    var ending: [String] = []
    var deaths = 0
    while ending.isEmpty, deaths < 100 {
      deaths += 1
      ending = kill(deaths...deaths, in: &play).notes(.ending)
    }
    #expect(deaths == 25)
    #expect(
      ending == [
        "25 workers died one after the other with nothing committed in between; look for a lack "
          + "of memory, then run again"
      ])
    #expect(play.join("last", credit: 1).given(to: "last").isEmpty)
  }

  @Test func `a commit in between begins the count anew`() {
    var play = Rehearsal([10, 20, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10], readsBack: false)
    play.join("good", credit: 1)
    var all = kill(1...20, in: &play)
    play.mergedWell("good", play.attempt(1))
    play.on(.committed(play.attempt(1)))
    all += kill(21...40, in: &play)
    #expect(all.notes(.ending).isEmpty)
  }

  @Test func `a network that is cut does not end the run, however many it cuts off`() {
    var play = Rehearsal(Array(repeating: 10, count: 100))
    for number in 1...60 { play.join("w\(number)", credit: 1) }
    let lost = play.pass(16_000)
    #expect(lost.notes(.lost).count == 60)
    #expect(lost.notes(.ending).isEmpty)
    for number in 1...60 { play.report("w\(number)") }
    // They were cut off and nothing else: a second cut finds the count where it was.
    #expect(play.pass(16_000).notes(.ending).isEmpty)
    for number in 1...60 { play.report("w\(number)") }
    #expect(play.machine.snapshot.workers == 60)
  }
}
