import Coordination
import Messaging
import Planning
import Testing

@Suite struct CoordinatorMachineLossTests {
  @Test func `a worker silent for a lease is lost and its job gets a new attempt elsewhere`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    #expect(play.pass(15_000, talking: ["b"]).notes(.lost).isEmpty)
    let directives = play.pass(1_000, talking: ["b"])
    #expect(directives.notes(.lost) == ["no word for 15 s"])
    #expect(directives.discarded == [play.attempt(0)])
    #expect(directives.given(to: "b") == [.merge(play.attempt(0, 2), Rehearsal.slice(0))])
    #expect(play.machine.retryCount == 1)
  }

  @Test func `any word keeps the lease`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    #expect(play.pass(60_000, talking: ["a"]).notes(.lost).isEmpty)
  }

  @Test func `a lost worker's late result is settled and ignored`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.pass(16_000)
    let directives = play.merged("a", play.attempt(0))
    #expect(directives.said(to: "a") == [.settled(.merge, play.attempt(0))])
    #expect(directives.count == 1)
  }

  @Test func `a local worker whose process ended is lost at once`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    let directives = play.on(.workerGone(host: "a", processID: 97))
    #expect(directives.given(to: "b") == [.merge(play.attempt(0, 2), Rehearsal.slice(0))])
  }

  @Test func `a process of another host with the same number is not meant`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    #expect(play.on(.workerGone(host: "elsewhere", processID: 97)).isEmpty)
  }

  @Test func `a copy of a dead worker's hello does not raise it`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.on(.workerGone(host: "a", processID: 97))
    #expect(play.join("a").isEmpty)
    #expect(play.machine.snapshot.workers == 0)
  }

  @Test func `losses are not failures, but the eighth ends the job`() {
    var play = Rehearsal([10])
    for number in 1...8 {
      let name = "w\(number)"
      play.join(name, credit: 1)
      let process = name.utf8.reduce(0) { $0 + Int($1) }
      let directives = play.on(.workerGone(host: name, processID: process))
      guard number == 8 else {
        #expect(directives.notes(.ending).isEmpty)
        continue
      }
      #expect(
        directives.notes(.ending) == [
          "shard-0 failed: 8 workers were lost while they worked on it, w8/175 last"
        ])
    }
  }

  @Test func `a lost reader costs the shard nothing`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b", credit: 1)
    play.merged("a", play.attempt(0))
    play.on(.checked(play.attempt(0)))
    play.join("c", credit: 1)
    let directives = play.on(.workerGone(host: "b", processID: 98))
    #expect(directives.discarded.isEmpty)
    #expect(directives.given(to: "c") == [.readBack(play.attempt(0))])
  }

  @Test func `a coordinator that slept does not blame its workers`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.tick(after: 200)
    #expect(play.tick(after: 60_000).notes(.lost).isEmpty)
    #expect(play.pass(16_000).notes(.lost).count == 1)
  }

  @Test func `a task that moves no byte for ten minutes is taken away`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    let stuck = WorkerMessage.progress(
      running: play.attempt(0), byteCount: 5, held: [play.attempt(0)])
    var directives: [Rehearsal.Directive] = []
    for _ in 0..<602 {
      play.now += 1_000
      directives += play.say("a", stuck)
      directives += play.on(.tick)
    }
    #expect(directives.notes(.lost) == ["no byte moved"])
    #expect(directives.said(to: "a").contains(.cancel(.merge, play.attempt(0))))
  }

  @Test func `a task that waits behind another is not stuck`() {
    var play = Rehearsal([10, 10])
    play.join("a", credit: 2)
    var directives: [Rehearsal.Directive] = []
    for second in 0..<1_300 {
      play.now += 1_000
      directives += play.say(
        "a",
        .progress(
          running: play.attempt(0), byteCount: Int64(second),
          held: [play.attempt(0), play.attempt(1)]))
      directives += play.on(.tick)
    }
    #expect(directives.notes(.lost).isEmpty)
  }
}
