import Messaging
import Planning
import Testing
import Working

@Suite struct WorkerMachineTasksTests {
  func joined() -> Rehearsal {
    var play = Rehearsal()
    play.welcome()
    return play
  }

  @Test func `the first task runs, the second waits, the third is not taken`() {
    var play = joined()
    let first = play.hear(.assign(play.merge(0)))
    #expect(first.contains(.start(play.merge(0), jobFolder: "/out.shardweld")))
    #expect(first.credits == [1])
    let second = play.hear(.assign(play.merge(1)))
    #expect(second.started.isEmpty && second.credits == [0])
    let third = play.hear(.assign(play.merge(2)))
    #expect(third.started.isEmpty)
    #expect(
      third.said.first
        == .progress(
          running: play.attempt(0), byteCount: 0, held: [play.attempt(0), play.attempt(1)]))
  }

  @Test func `the waiting task starts when the running one ends`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.hear(.assign(.readBack(play.attempt(7))))
    let directives = play.end(play.merge(0), .good)
    #expect(directives.results == [.result(.merge, play.attempt(0), .good)])
    #expect(directives.started == [.readBack(play.attempt(7))])
    #expect(directives.credits == [1])
  }

  @Test func `a repeated assignment is confirmed and not started again`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    let again = play.hear(.assign(play.merge(0)))
    #expect(again.started.isEmpty)
    #expect(again.said.count == 2)
  }

  @Test func `a late copy of a finished merge's assignment starts nothing`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.end(play.merge(0), .good)
    #expect(play.hear(.assign(play.merge(0))).started.isEmpty)
    play.hear(.settled(.merge, play.attempt(0)))
    #expect(play.hear(.assign(play.merge(0))).started.isEmpty)
  }

  @Test func `a read-back may be asked for again`() {
    var play = joined()
    let task = Assignment.readBack(play.attempt(0))
    play.hear(.assign(task))
    play.end(task, .readBack(byteCount: 10, digest: "xxh3:good"))
    play.hear(.settled(.readBack, play.attempt(0)))
    #expect(play.hear(.assign(task)).started == [task])
  }

  @Test func `an attempt of another epoch is not taken`() {
    var play = joined()
    let old = Assignment.merge(AttemptID(job: 0, epoch: 2, attempt: 1), Rehearsal.slice)
    #expect(play.hear(.assign(old)).started.isEmpty)
  }

  @Test func `a result is repeated every two seconds until it is settled`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.end(play.merge(0), .good)
    #expect(play.pass(6_000, heartbeats: true).results.count == 3)
    play.hear(.settled(.merge, play.attempt(0)))
    #expect(play.pass(6_000, heartbeats: true).results.isEmpty)
  }

  @Test func `a settlement of the other kind settles nothing`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.end(play.merge(0), .good)
    play.hear(.settled(.readBack, play.attempt(0)))
    #expect(play.pass(2_000, heartbeats: true).results.count == 1)
  }

  @Test func `a cancelled running task stops and its end is told to nobody`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.hear(.assign(play.merge(1)))
    #expect(play.hear(.cancel(.merge, play.attempt(0))).contains(.halt))
    // Asked again it has nothing to add: a word for a word would never end.
    #expect(play.hear(.cancel(.merge, play.attempt(0))).isEmpty)
    let directives = play.end(play.merge(0), .handedBack)
    #expect(directives.results.isEmpty)
    #expect(directives.started == [play.merge(1)])
  }

  @Test func `a cancelled waiting task is dropped and room reported`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.hear(.assign(play.merge(1)))
    #expect(play.hear(.cancel(.merge, play.attempt(1))).credits == [1])
    #expect(play.end(play.merge(0), .good).started.isEmpty)
  }

  @Test func `a cancel that overtakes its assignment wins`() {
    var play = joined()
    play.hear(.cancel(.merge, play.attempt(0)))
    #expect(play.hear(.assign(play.merge(0))).started.isEmpty)
  }

  @Test func `a cancelled result is not repeated`() {
    var play = joined()
    play.hear(.assign(play.merge(0)))
    play.end(play.merge(0), .good)
    play.hear(.cancel(.merge, play.attempt(0)))
    #expect(play.pass(4_000, heartbeats: true).results.isEmpty)
  }

  @Test func `the end of a task that does not run changes nothing`() {
    var play = joined()
    #expect(play.end(play.merge(9), .good).isEmpty)
  }
}
