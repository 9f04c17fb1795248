import OrderedJSON
import Planning
import Storage
import Testing

@testable import Ledger
@testable import shardweld

struct StatusTests {
  typealias Merge = ToldMerge

  @Test func `a merge at work is told with what is in flight and what failed`() {
    #expect(
      Merge.status(Merge.atWork()).text == """
        output       /out
        state        merging
        base         /base
        adapter      /style (LORA) × 0.5
        tensors      5: 2 changed, 1 converted, 2 copied
        plan         \(Merge.digest("plan"))
        jobs         1 of 2 done, 1 left
        bytes        592 B of 1.18 KB done
        speed        49 B/s, about 13 s left
        coordinator  at work, process 5 on n1, epoch 1, tcp://n1:5555
        begun        2026-03-01T12:00:00.000Z
        last event   2026-03-01T12:00:08.000Z
        workers      2: n1/7, n2/8
        attempts     3, 1 of them retries
        next         wait: the merge is at work; ask again to see how far it is

        in flight
          job  shard                             bytes  task   worker    for  attempt
            1  model-00002-of-00002.safetensors  592 B  merge  n1/7    5.0 s  00001-e1-a1

        failures
          2026-03-01T12:00:03.000Z  failed  00000-e1-a1  n2/8  the disk is gone

        last events
          2026-03-01T12:00:00.000Z  joined                  n1/7
          2026-03-01T12:00:00.000Z  joined                  n2/8
          2026-03-01T12:00:00.000Z  assigned   00000-e1-a1  n2/8  merge
          2026-03-01T12:00:03.000Z  failed     00000-e1-a1  n2/8  the disk is gone
          2026-03-01T12:00:04.000Z  assigned   00000-e1-a2  n1/7  merge
          2026-03-01T12:00:06.000Z  merged     00000-e1-a2  n1/7  \(Merge.digest("shard"))
          2026-03-01T12:00:06.000Z  assigned   00000-e1-a2  n2/8  readBack
          2026-03-01T12:00:07.000Z  readBack   00000-e1-a2  n2/8  \(Merge.digest("shard"))
          2026-03-01T12:00:07.000Z  assigned   00001-e1-a1  n1/7  merge
          2026-03-01T12:00:08.000Z  committed  00000-e1-a2  n1/7

        """)
  }

  @Test func `a program gets the same as JSON`() throws {
    let json = try Merge.parse(Merge.status(Merge.atWork()).json)
    #expect(json["state"]?.text == "merging")
    #expect(json["jobsDone"]?.int == 1 && json["jobsTotal"]?.int == 2)
    #expect(json["bytesDone"]?.int == 592)
    #expect(json["converted"]?.int == 1)
    #expect(json["coordinator"]?["running"]?.bool == true)
    #expect(json["coordinator"]?["epoch"]?.int == 1)
    #expect(json["workers"]?.elements?.map(\.text) == ["n1/7", "n2/8"])
    let task = try #require(json["inFlight"]?.elements?.first)
    #expect(task["task"]?.text == "merge" && task["worker"]?.text == "n1/7")
    #expect(task["milliseconds"]?.int == 5000)
    #expect(task["since"]?.text == "2026-03-01T12:00:07.000Z")
    #expect(json["retries"]?.int == 1)
    #expect(json["failures"]?.elements?[0]["text"]?.text == "the disk is gone")
    #expect(json["failures"]?.elements?[0]["job"]?.int == 0)
    #expect(json["events"]?.elements?.count == 10)
    #expect(json["digest"] == .null && json["reason"] == .null)
  }

  @Test func `a dead coordinator has nothing in flight and the next run is named`() {
    let text = Merge.status(Merge.atWork(isRunning: false)).text
    #expect(text.contains("\nstate        stopped\n"))
    #expect(text.contains("\ncoordinator  gone, it was process 5 on n1, epoch 1\n"))
    #expect(!text.contains("in flight") && !text.contains("workers") && !text.contains("speed"))
    #expect(
      text.contains(
        "\nnext         run the same command again to go on; what is done is not done again\n"))
  }

  @Test func `a stop says why`() {
    let history = Merge.history(
      [Merge.note(1, "ending", nil, "", "no space left")], isRunning: false)
    let status = Merge.status(history)
    #expect(status.text.contains("\nstate        stopped\nreason       no space left\n"))
    #expect(
      Merge.status(Merge.history(history.journal)).text.contains(
        "\nstate        stopping\nreason       no space left\n"))
  }

  @Test func `what an earlier coordinator said is not what this one does`() {
    let journal =
      Merge.atWork().journal + [
        Merge.note(9, "ending", nil, "", "interrupted"), Merge.note(20, "joined", nil, "n3/9"),
      ]
    let status = Merge.status(
      Merge.history(
        journal, committed: [Merge.commit(0, Merge.attempt(0, 2))], epoch: 2, currentStart: 11))
    #expect(status.attempts.workers == ["n3/9"])
    #expect(status.attempts.underWay.isEmpty)
    #expect(status.attempts.attempts[1]?.map(\.ending) == [.cutOff])
    #expect(status.endReason == nil)
  }

  @Test func `all jobs committed, the output is still to come`() {
    let commits = [Merge.commit(0, Merge.attempt(0)), Merge.commit(1, Merge.attempt(1))]
    #expect(Merge.status(Merge.history([], committed: commits)).state == .publishing)
    let stopped = Merge.status(Merge.history([], committed: commits, isRunning: false))
    #expect(stopped.next == "run the same command again to publish the output")
  }

  @Test func `without a journal the rest is still told`() {
    let text = Merge.status(
      Merge.history([], committed: [Merge.commit(0, Merge.attempt(0, 2))], epoch: 0)
    ).text
    #expect(text.contains("\njobs         1 of 2 done, 1 left\n"))
    #expect(text.contains("\njournal      empty: when and by whom jobs were tried is not known\n"))
    #expect(text.contains("\ncoordinator  none yet\n"))
  }

  @Test func `nobody at work on the network says how to start workers`() {
    let status = Merge.status(
      Merge.history([
        Merge.note(0, "joined", nil, "n1/7"), Merge.note(1, "lost", nil, "n1/7", "silent"),
      ]))
    #expect(status.next == "start workers: shardweld worker --job /out.shardweld --keys DIR")
    #expect(status.text.contains("\nworkers      none\n"))
  }

  @Test func `records set aside are named`() {
    let journal = Merge.atWork().journal
    let status = Merge.status(Merge.history(journal, setAside: ["00000.bad-1.json"]))
    #expect(status.text.contains("\nset aside    00000.bad-1.json\n"))
    #expect(status.attempts.attempts[0]?.last?.ending == .setAside)
  }
}

/// Each way that an attempt or a reading can end.
struct AttemptHistoryTests {
  typealias Merge = ToldMerge
  let id = ToldMerge.attempt(0)

  private func story(_ later: [JournalEntry], isRunning: Bool = true) throws -> AttemptStory {
    let journal = [Merge.note(1, "assigned", id, "a/1", "merge")] + later
    let history = AttemptHistory(Merge.history(journal, isRunning: isRunning))
    return try #require(history.attempts[0]?.first)
  }

  /// Up to the reading by b/2.
  private var written: [JournalEntry] {
    [Merge.note(2, "merged", id, "a/1"), Merge.note(3, "assigned", id, "b/2", "readBack")]
  }

  @Test func `a merge under way ends with its worker`() throws {
    #expect(try story([]).task?.kind == .merge)
    #expect(try story([Merge.note(2, "left", nil, "a/1")]).ending == .left)
    #expect(try story([Merge.note(2, "lost", nil, "a/1", "dead")]).ending == .lost("dead"))
    #expect(try story([Merge.note(2, "handedBack", id, "a/1")]).ending == .handedBack)
    #expect(try story([Merge.note(2, "declined", id, "a/1")]).ending == .declined)
    #expect(try story([Merge.note(2, "withdrawn", id, "a/1", "x")]).ending == .withdrawn("x"))
    #expect(try story([Merge.note(2, "lost", nil, "c/3", "dead")]).ending == nil)
    #expect(try story([], isRunning: false).ending == .cutOff)
  }

  @Test func `a written shard outlives its writer`() throws {
    let lost = try story(written + [Merge.note(4, "lost", nil, "a/1", "dead")])
    #expect(lost.ending == nil)
    #expect(lost.task?.kind == .readBack && lost.task?.worker == "b/2")
    #expect(lost.task?.since == Merge.start + 3000)
  }

  @Test func `a reading ends alone`() throws {
    let lost = try story(written + [Merge.note(4, "lost", nil, "b/2", "dead")])
    #expect(lost.readBacks.map(\.ending) == [.lost("dead")])
    #expect(lost.task?.kind == .waiting)
    let back = try story(written + [Merge.note(4, "handedBack", id, "b/2")])
    #expect(back.ending == nil && back.readBacks[0].ending == .handedBack)
    let late = try story(
      written + [Merge.note(4, "lost", nil, "b/2", "dead"), Merge.note(5, "readBack", id, "b/2")])
    #expect(late.readBacks.map(\.ending) == [.matched])
    #expect(late.task?.kind == .commit)
  }

  @Test func `bytes that read back wrong end both`() throws {
    let story = try story(
      written + [
        Merge.note(4, "mismatch", id, "b/2", "differs"),
        Merge.note(4, "failed", id, "a/1", "differs"),
      ])
    #expect(story.ending == .failed("differs"))
    #expect(story.readBacks.map(\.ending) == [.failed("differs")])
    #expect(story.milliseconds == 3000)
  }

  @Test func `a file left behind is no worker that left`() throws {
    #expect(try story([Merge.note(2, "left", id, "", "cannot remove")]).ending == nil)
  }

  @Test func `a commit record is enough to know an attempt`() {
    let history = AttemptHistory(Merge.history([], committed: [Merge.commit(0, id)]))
    #expect(history.attempts[0]?.first?.worker == "n1/7")
    #expect(history.attempts[0]?.first?.ending == .committed)
    #expect(history.attempts[0]?.first?.readBacks.map(\.worker) == ["n2/8"])
  }

  @Test func `lines of other merges and kinds are passed over`() {
    let history = AttemptHistory(
      Merge.history([
        Merge.note(1, "assigned", Merge.attempt(7), "a/1", "merge"),
        Merge.note(1, "sang", id, "a/1"),
      ]))
    #expect(history.attemptCount == 0)
  }

  @Test func `each end has a word and a sentence`() {
    let endings: [(AttemptEnding, String, String)] = [
      (.committed, "committed", "committed"), (.matched, "matched", "read back the same"),
      (.failed("x"), "failed", "failed: x"),
      (.agreed, "agreed", "made the same bytes"),
      (.handedBack, "handedBack", "handed back by the worker"),
      (.declined, "declined", "declined: the worker's time ends first"),
      (.withdrawn("x"), "withdrawn", "withdrawn: x"), (.lost("x"), "lost", "worker lost: x"),
      (.died("x"), "died", "worker died: x"),
      (.left, "left", "the worker left"), (.cutOff, "cutOff", "cut off when the coordinator ended"),
      (.setAside, "setAside", "committed, but its record was set aside later"),
    ]
    for (ending, word, sentence) in endings {
      #expect(ending.word == word)
      #expect(ending.sentence == sentence)
    }
  }
}
