import Messaging
import Planning
import Testing
import Working

@Suite struct WorkerMachineTasksTests {
  @Test func `the first task runs, the second waits, the third is not taken`() {
    var play = Rehearsal.joined()
    let first = play.assign(play.merge(0))
    #expect(first == [.start(play.merge(0), jobFolder: "/out.shardweld")])
    // The next report confirms both.
    #expect(play.assign(play.merge(1)).isEmpty)
    let third = play.assign(play.merge(2))
    #expect(third.started.isEmpty)
    let (running, waiting) = (play.merge(0).task, play.merge(1).task)
    #expect(
      third.said == [
        .progress(running: running, byteCount: 0, held: [running, waiting], credit: 0)
      ])
  }

  @Test func `the waiting task starts when the running one ends`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.assign(.readBack(play.attempt(7)))
    let directives = play.end(play.merge(0), .good)
    #expect(directives.said == [.result(play.merge(0).task, .good, credit: 1)])
    #expect(directives.started == [.readBack(play.attempt(7))])
  }

  @Test func `a result asks for as much as there is room for`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    #expect(play.end(play.merge(0), .good).credits == [2])
  }

  @Test func `a repeated assignment is confirmed and not started again`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    let again = play.assign(play.merge(0))
    #expect(again.started.isEmpty)
    let task = play.merge(0).task
    #expect(again.said == [.progress(running: task, byteCount: 0, held: [task], credit: 1)])
  }

  @Test func `a late copy of a finished merge's assignment starts nothing`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.end(play.merge(0), .good)
    #expect(play.assign(play.merge(0)).started.isEmpty)
    play.hear(.settled(play.merge(0).task))
    #expect(play.assign(play.merge(0)).started.isEmpty)
  }

  @Test func `a read-back may be asked for again`() {
    var play = Rehearsal.joined()
    let task = Assignment.readBack(play.attempt(0))
    play.assign(task)
    play.end(task, .readBack(byteCount: 10, digest: "xxh3:good"))
    play.hear(.settled(task.task))
    #expect(play.assign(task).started == [task])
  }

  @Test func `a new merge of another epoch is not taken, a read-back is`() {
    var play = Rehearsal.joined()
    let old = AttemptID(job: 0, epoch: 2, attempt: 1)
    #expect(play.assign(.merge(old, Rehearsal.slice, byteCount: 10)).started.isEmpty)
    // Its file may have been adopted.
    #expect(play.assign(.readBack(old)).started == [.readBack(old)])
  }

  @Test func `a result is repeated every two seconds until it is settled`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.end(play.merge(0), .good)
    #expect(play.pass(6_000, heartbeats: true).results.count == 3)
    play.hear(.settled(play.merge(0).task))
    #expect(play.pass(6_000, heartbeats: true).results.isEmpty)
  }

  @Test func `a settlement of the other kind settles nothing`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.end(play.merge(0), .good)
    play.hear(.settled(TaskID(.readBack, play.attempt(0))))
    #expect(play.pass(2_000, heartbeats: true).results.count == 1)
  }

  @Test func `a cancelled running task stops and its end is told to nobody`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.assign(play.merge(1))
    #expect(play.hear(.cancel(play.merge(0).task)) == [.halt])
    // Asked again it has nothing to add: a word for a word would never end.
    #expect(play.hear(.cancel(play.merge(0).task)).isEmpty)
    let directives = play.end(play.merge(0), .handedBack)
    #expect(directives.results.isEmpty)
    #expect(directives.started == [play.merge(1)])
    #expect(directives.credits == [1])
  }

  @Test func `a task that is being stopped still counts as held`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.hear(.cancel(play.merge(0).task))
    guard
      case .progress(_, _, _, let held, let credit)? = play.pass(1_000, heartbeats: true).said.last
    else {
      Issue.record("no report")
      return
    }
    #expect(held == [play.merge(0).task] && credit == 1)
  }

  @Test func `a cancelled waiting task is dropped and room reported`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.assign(play.merge(1))
    #expect(play.hear(.cancel(play.merge(1).task)).credits == [1])
    #expect(play.end(play.merge(0), .good).started.isEmpty)
  }

  @Test func `a cancel that overtakes its assignment wins`() {
    var play = Rehearsal.joined()
    play.hear(.cancel(play.merge(0).task))
    #expect(play.assign(play.merge(0)).started.isEmpty)
  }

  @Test func `a cancelled result is not repeated`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.end(play.merge(0), .good)
    play.hear(.cancel(play.merge(0).task))
    #expect(play.pass(4_000, heartbeats: true).results.isEmpty)
  }

  @Test func `the end of a task that does not run changes nothing`() {
    var play = Rehearsal.joined()
    #expect(play.end(play.merge(9), .good).isEmpty)
  }
}
