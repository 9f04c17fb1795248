import Coordination
import Messaging
import Planning
import Testing

@Suite struct CoordinatorMachinePresenceTests {
  // MARK: Silence

  @Test func `a worker silent for a lease is lost and its job gets a new attempt elsewhere`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    #expect(play.pass(15_000, talking: ["b"]).notes(.lost).isEmpty)
    play.report("b", credit: 1)
    let directives = play.tick(after: 1_000)
    #expect(directives.notes(.lost) == ["no word for 15 s"])
    // Its file stays: it may yet come back with it.
    #expect(directives.discarded.isEmpty)
    #expect(directives.given(to: "b") == [.merge(play.attempt(0, 2))])
    #expect(play.machine.retryCount == 1)
  }

  @Test func `any word keeps the lease`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    #expect(play.pass(60_000, talking: ["a"]).notes(.lost).isEmpty)
  }

  @Test func `a coordinator that slept does not blame its workers`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.tick(after: 200)
    #expect(play.tick(after: 60_000).notes(.lost).isEmpty)
    #expect(play.pass(16_000).notes(.lost).count == 1)
  }

  @Test func `a coordinator that slept does not take its workers' tasks for still`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.report("a", 5)
    play.tick(after: 900_000)
    let directives = play.report("a", 5) + play.tick(after: 200)
    #expect(directives.notes(.still).isEmpty && directives.notes(.died).isEmpty)
  }

  @Test func `a worker that comes back is told and given work again`() {
    var play = Rehearsal([10, 10])
    play.join("a", credit: 1)
    play.pass(16_000)
    let directives = play.say("a", .progress(running: nil, byteCount: 0, held: [], credit: 1))
    #expect(directives.workers(.back) == ["a/97"])
    #expect(directives.given(to: "a").count == 1)
  }

  // MARK: Broken connections

  @Test func `what waits with a worker whose connection broke goes to others at once`() {
    var play = Rehearsal([20, 10, 30])
    play.join("b", credit: 1)
    play.join("a", credit: 2)
    play.report("a", 1)
    #expect(play.report("b", credit: 1).given(to: "b").isEmpty)
    let broken = play.on(.unreachable(Rehearsal.id("a")))
    #expect(broken.workers(.away) == ["a/97"])
    #expect(broken.workers(.withdrawn) == ["a/97"])
    #expect(broken.given(to: "b") == [.merge(play.attempt(1, 2))])
    #expect(broken.notes(.died).isEmpty)
  }

  @Test func `what runs follows after five seconds, and its worker counts as lost`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.report("a", 1)
    play.on(.unreachable(Rehearsal.id("a")))
    play.join("b", credit: 1)
    #expect(play.pass(5_000, talking: ["b"]).notes(.lost).isEmpty)
    play.report("b", credit: 1)
    let directives = play.tick(after: 200)
    #expect(directives.notes(.lost) == ["it did not come back within 5 s"])
    #expect(directives.given(to: "b") == [.merge(play.attempt(0, 2))])
  }

  @Test func `a worker that is back within five seconds goes on`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.report("a", 1)
    play.on(.unreachable(Rehearsal.id("a")))
    play.pass(4_000)
    #expect(play.report("a", 2).workers(.back) == ["a/97"])
    #expect(play.pass(10_000, talking: ["a"]).notes(.lost).isEmpty)
    #expect(play.mergedWell("a", play.attempt(0)).notes(.failed).isEmpty)
  }

  @Test func `nothing is given to a worker that is away`() {
    var play = Rehearsal([20, 10])
    play.join("a", credit: 1)
    play.report("a", credit: 0)
    play.on(.unreachable(Rehearsal.id("a")))
    #expect(play.tick(after: 1_000).given(to: "a").isEmpty)
    #expect(play.machine.snapshot.workers == 0)
  }

  // MARK: Ends

  @Test func `a local worker whose process ended is lost at once and its files go`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    let directives = play.dies("a")
    #expect(directives.discarded == [play.attempt(0)])
    #expect(directives.given(to: "b") == [.merge(play.attempt(0, 2))])
  }

  @Test func `a process of another host with the same number is not meant`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    #expect(play.on(.workerGone(host: "elsewhere", processID: 97)).isEmpty)
  }

  @Test func `a copy of a dead worker's hello does not raise it`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.dies("a")
    #expect(play.join("a").isEmpty)
    #expect(play.machine.snapshot.workers == 0)
  }

  @Test func `a barred key's workers lose all they hold at once, without blame`() {
    var play = Rehearsal([20, 10])
    play.join("a", credit: 2)
    play.join("b")
    let barred = play.on(.barred(key: "a", reason: "its key was taken off the list"))
    #expect(barred.notes(.barred) == ["its key was taken off the list"])
    #expect(barred.notes(.died).isEmpty)
    #expect(barred.discarded == [play.attempt(0), play.attempt(1)])
    #expect(play.report("b", credit: 2).given(to: "b").count == 2)
    // What it still says changes nothing.
    let late = play.merged("a", play.attempt(0))
    #expect(late == late.filter { if case .send = $0 { true } else { false } })
    #expect(play.report("a", credit: 2).isEmpty)
  }

  @Test func `another key's workers do not mind`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    #expect(play.on(.barred(key: "b", reason: "gone")).isEmpty)
  }

  // MARK: Still tasks

  /// `a` reports the same bytes for so many seconds.
  func stuck(_ play: inout Rehearsal, seconds: Int) -> [Rehearsal.Directive] {
    var directives: [Rehearsal.Directive] = []
    for _ in 0..<seconds {
      play.now += 1_000
      directives += play.report("a", 5)
      directives += play.on(.tick)
    }
    return directives
  }

  @Test func `a running task that moves no byte for thirty seconds is told once`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.report("a", 5)
    #expect(stuck(&play, seconds: 30).notes(.still).isEmpty)
    #expect(stuck(&play, seconds: 60).notes(.still) == ["no byte moves for 31 s"])
    #expect(play.report("a", 6).notes(.back) == ["bytes move again"])
  }

  @Test func `a task that moves no byte for ten minutes is taken away`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.report("a", 5)
    #expect(stuck(&play, seconds: 600).notes(.died).isEmpty)
    let directives = stuck(&play, seconds: 1)
    #expect(directives.notes(.died) == ["no byte moved"])
    #expect(directives.cancelled(for: "a") == [.merge(play.attempt(0))])
    #expect(directives.discarded == [play.attempt(0)])
    #expect(directives.notes(.lost).isEmpty)
  }

  @Test func `a task that reads for long before a byte is done is not still`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    var directives = play.report("a", 5)
    let held = play.hands["a"] ?? []
    for second in 1...1_300 {
      play.now += 1_000
      directives += play.say(
        "a",
        .progress(
          running: held.first, byteCount: 5, movedByteCount: Int64(second), held: held, credit: 0))
      directives += play.on(.tick)
    }
    #expect(directives.notes(.still).isEmpty && directives.notes(.died).isEmpty)
    #expect(stuck(&play, seconds: 31).notes(.still) == ["no byte moves for 31 s"])
  }

  @Test func `a task that waits behind another is not stuck`() {
    var play = Rehearsal([10, 10])
    play.join("a", credit: 2)
    var directives: [Rehearsal.Directive] = []
    for second in 0..<1_300 {
      play.now += 1_000
      directives += play.report("a", Int64(second))
      directives += play.on(.tick)
    }
    #expect(directives.notes(.still).isEmpty && directives.notes(.died).isEmpty)
  }
}
