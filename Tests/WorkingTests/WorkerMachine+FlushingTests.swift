import Messaging
import Planning
import Testing
import Working

@Suite struct WorkerMachineFlushingTests {
  @Test func `what is written is flushed beside the next task`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.assign(play.merge(1))
    let (first, second) = (play.merge(0).task, play.merge(1).task)
    let written = play.write(play.merge(0))
    #expect(written.started == [play.merge(1)])
    // The shard is still this worker's, its time runs, and one more task may wait.
    #expect(
      written.said == [.progress(running: first, byteCount: 0, held: [first, second], credit: 1)])
    play.assign(play.merge(2))
    let flushed = play.end(play.merge(0), .good)
    #expect(flushed.said == [.result(first, .good, credit: 0)])
    #expect(flushed.started.isEmpty, "the second one still runs")
    #expect(play.write(play.merge(1)).started == [play.merge(2)])
  }

  @Test func `a flush may outlast the task beside it, and may fail`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.assign(.readBack(play.attempt(7)))
    play.write(play.merge(0))
    let read = Outcome.readBack(byteCount: 10, digest: "xxh3:good")
    #expect(play.end(.readBack(play.attempt(7)), read).credits == [2])
    let failure = Outcome.failed(TaskFailure(.storage, "the device is gone"))
    #expect(play.end(play.merge(0), failure).results == [failure])
  }

  @Test func `a cancelled flush goes on and is told to nobody`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.assign(play.merge(1))
    play.write(play.merge(0))
    play.advance(play.merge(1), to: 5)
    // What runs beside it is not stopped.
    #expect(play.hear(.cancel(play.merge(0).task)).isEmpty)
    let told = play.pass(1_000, heartbeats: true).said.last
    let (first, second) = (play.merge(0).task, play.merge(1).task)
    // Nobody waits for the flush: the time of the next one runs.
    #expect(told == .progress(running: second, byteCount: 5, held: [first, second], credit: 1))
    let flushed = play.end(play.merge(0), .good)
    #expect(flushed.results.isEmpty)
    #expect(
      flushed.said == [.progress(running: second, byteCount: 5, held: [second], credit: 1)])
  }

  @Test func `a late copy of an assignment that is flushed starts nothing`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.write(play.merge(0))
    #expect(play.assign(play.merge(0)).started.isEmpty)
    #expect(play.end(play.merge(0), .good).results == [.good])
  }

  @Test func `a worker leaves when its last shard is flushed and told`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.write(play.merge(0))
    #expect(play.on(.terminate).goodbyes == 0)
    #expect(play.hear(.farewell).exit == nil)
    #expect(play.end(play.merge(0), .good).results == [.good])
    #expect(play.hear(.settled(play.merge(0).task)).goodbyes == 1)
    #expect(play.hear(.farewell).exit == .stopped)
  }

  @Test func `a dismissed worker waits three seconds for a flush`() {
    var play = Rehearsal.joined()
    play.assign(play.merge(0))
    play.write(play.merge(0))
    #expect(!play.hear(.dismiss).contains(.halt))
    #expect(play.pass(2_900, heartbeats: true).exit == nil)
    #expect(play.pass(100).exit == .dismissed)
  }
}
