// What is told of jobs that were given up, workers that died, and merges that changed hands.
import Ledger
import OrderedJSON
import Planning
import Testing

@testable import shardweld

struct TroubleTests {
  typealias Merge = ToldMerge
  let now = ToldMerge.start + 30_000
  let verdict = "model-00001-of-00002.safetensors failed on n3/9 (after 3 failures): no device"

  // MARK: Given up

  @Test func `a status counts the shards that failed and says why`() {
    let text = Merge.status(Merge.givenUp()).text
    #expect(
      text.contains(
        """

        jobs         1 of 2 done, 1 failed, 0 left
        failed       job 0: \(verdict)
        drained      n9 gets no more work: test this machine
        bytes        592 B of 1.18 KB done

        """))
    #expect(
      text.contains(
        "\nnext         shardweld explain /out 0 tells what was tried; mend the cause, then run the "
          + "same command again: what is done is not done again\n"))
    #expect(text.contains("  2026-03-01T12:00:18.000Z  quarantined  job 0 "))
    #expect(text.contains("\nreason       incomplete: 1 of 2 shards failed"))
  }

  @Test func `a program gets the verdicts and the drained hosts`() throws {
    let json = try Merge.parse(Merge.status(Merge.givenUp()).json)
    #expect(json["jobsFailed"]?.int == 1)
    let failed = try #require(json["failed"]?.elements?.first)
    #expect(failed["job"]?.int == 0 && failed["reason"]?.text == verdict)
    #expect(failed["shard"]?.text == "model-00001-of-00002.safetensors")
    #expect(json["drained"]?.elements?.map(\.text) == ["n9 gets no more work: test this machine"])
    let event = json["events"]?.elements?.first { $0["kind"]?.text == "quarantined" }
    #expect(event?["job"]?.int == 0 && event?["attempt"] == .null)
  }

  @Test func `many failed shards are told by the first ten`() {
    var history = Merge.givenUp()
    history.plan.jobs = (0..<14).map { id in
      var job = Merge.plan.jobs[0]
      job.id = id
      return job
    }
    history.committed = [:]
    history.journal += (1..<14).map { Merge.note(19, "quarantined", Merge.attempt($0, 0), "", "x") }
    let text = Merge.status(history).text
    #expect(text.contains("\njobs         0 of 14 done, 14 failed, 0 left\n"))
    #expect(text.contains("\n             job 9: x\n             and 4 more\n"))
  }

  @Test func `a later coordinator tries again what an earlier one gave up`() {
    var history = Merge.givenUp(isRunning: true)
    history.currentStart = history.journal.count
    history.journal.append(Merge.note(40, "joined", nil, "n4/1"))
    history.epoch = 2
    #expect(Merge.status(history).verdicts.isEmpty)
    #expect(Merge.status(history).drained.isEmpty)
    #expect(
      JobWork(history, job: 0, now: now).stateText == "waiting for a worker, tried 3 times")
  }

  @Test func `explain tells a failed job's whole history and what it is charged with`() {
    let story = JobStory(Merge.givenUp(), job: 0, now: now)
    #expect(
      story.text.contains(
        """

        state    given up: \(verdict)
        blame    1 failure of n3/9; 2 deaths of n1/7, n2/8

        attempts
          attempt      task   worker  begun                      took  end
          00000-e1-a1  merge  n1/7    2026-03-01T12:00:00.000Z  1.0 s  worker died: its process ended
          00000-e1-a2  merge  n2/8    2026-03-01T12:00:01.000Z   16 s  worker died: no word for 15 s
          00000-e1-a3  merge  n3/9    2026-03-01T12:00:17.000Z  1.0 s  failed: no device

        events

        """), "\(story.text)")
    #expect(story.text.contains("2 workers died with it; from now on it runs alone\n"))
  }

  @Test func `explain gives a program the verdict`() throws {
    let json = try Merge.parse(JobStory(Merge.givenUp(), job: 0, now: now).json)
    #expect(json["work"]?["state"]?.text == "failed")
    #expect(json["work"]?["verdict"]?.text == verdict)
    #expect(
      json["work"]?["attempts"]?.elements?.map { $0["ending"]?.text } == ["died", "died", "failed"])
  }

  @Test func `a written attempt of a job that was given up is not under way`() {
    let id = Merge.attempt(0)
    let history = AttemptHistory(
      Merge.history([
        Merge.note(0, "assigned", id, "a/1", "merge"), Merge.note(1, "merged", id, "a/1"),
        Merge.note(2, "quarantined", Merge.attempt(0, 0), "", "three different shards"),
      ]))
    #expect(history.underWay.isEmpty)
    #expect(history.attempts[0]?.map(\.ending) == [.withdrawn("its job was given up")])
  }

  // MARK: Deaths and returns

  @Test func `a worker that comes back is no death any more`() {
    let id = Merge.attempt(0)
    let lost = [
      Merge.note(0, "assigned", id, "a/1", "merge"), Merge.note(16, "lost", nil, "a/1", "silent"),
      Merge.note(16, "died", id, "a/1", "with this merge running"),
    ]
    #expect(AttemptHistory(Merge.history(lost)).attempts[0]?[0].ending == .died("silent"))
    let back = lost + [Merge.note(20, "back", nil, "a/1")]
    #expect(AttemptHistory(Merge.history(back)).attempts[0]?[0].ending == .lost("silent"))
    #expect(AttemptHistory(Merge.history(back)).workers == ["a/1"])
    let adopted = back + [Merge.note(20, "adopted", id, "a/1")]
    #expect(AttemptHistory(Merge.history(adopted)).attempts[0]?[0].ending == nil)
  }

  @Test func `a merge that moves no byte is a failure of its worker`() {
    let id = Merge.attempt(0)
    let history = AttemptHistory(
      Merge.history([
        Merge.note(0, "assigned", id, "a/1", "merge"),
        Merge.note(600, "died", id, "a/1", "no byte moved"),
      ]))
    #expect(history.attempts[0]?[0].ending == .failed("no byte moved"))
    #expect(history.workers == ["a/1"])
  }

  @Test(arguments: ["away", "lost", "barred"])
  func `a worker that is not there is not among those at work`(kind: String) {
    let history = AttemptHistory(
      Merge.history([Merge.note(0, "joined", nil, "a/1"), Merge.note(1, kind, nil, "a/1", "x")]))
    #expect(history.workers.isEmpty)
  }

  // MARK: Changing hands

  @Test func `an adopted merge is under way with its worker`() {
    let id = Merge.attempt(0)
    let history = Merge.history(
      [
        Merge.note(0, "joined", nil, "a/1"), Merge.note(0, "assigned", id, "a/1", "merge"),
        Merge.note(9, "joined", nil, "a/1"), Merge.note(9, "adopted", id, "a/1"),
      ], epoch: 2, currentStart: 2)
    let work = JobWork(history, job: 0, now: now)
    #expect(work.stateText == "being merged by a/1 for 30 s")
    #expect(work.table.contains("  00000-e1-a1  merge, adopted  a/1 "))
    #expect(Merge.status(history).attempts.underWay.map(\.id) == [id])
    // One that the later coordinator did not take up was cut off with the earlier one.
    var other = history
    other.journal.removeLast()
    #expect(AttemptHistory(other).attempts[0]?.map(\.ending) == [.cutOff])
  }

  @Test func `an audit is no retry, and its second merge agrees`() {
    let (first, second) = (Merge.attempt(0), Merge.attempt(0, 2))
    let history = AttemptHistory(
      Merge.history(
        [
          Merge.note(0, "assigned", first, "a/1", "merge"),
          Merge.note(0, "assigned", second, "b/2", "merge"), Merge.note(1, "merged", first, "a/1"),
          Merge.note(2, "merged", second, "b/2"), Merge.note(3, "committed", first, "a/1"),
        ], committed: [Merge.commit(0, first)]))
    #expect(history.attempts[0]?.map(\.ending) == [.committed, .agreed])
    #expect(history.attemptCount == 2 && history.retryCount == 0)
  }

  @Test func `a commit that was taken back is told beside the one that stands`() {
    let (first, third) = (Merge.attempt(0), Merge.attempt(0, 3))
    let history = AttemptHistory(
      Merge.history(
        [
          Merge.note(0, "assigned", first, "a/1", "merge"), Merge.note(1, "merged", first, "a/1"),
          Merge.note(2, "committed", first, "a/1"),
          Merge.note(3, "disputed", Merge.attempt(0, 2), "b/2", "other bytes"),
          Merge.note(3, "assigned", third, "c/3", "merge"), Merge.note(4, "merged", third, "c/3"),
          Merge.note(5, "committed", third, "c/3"),
        ], committed: [Merge.commit(0, third)], setAside: ["00000.bad-1.json"]))
    #expect(history.attempts[0]?.map(\.ending) == [.setAside, .committed])
  }

  // MARK: Failures

  @Test func `a reader's doubt is told, once`() {
    let id = Merge.attempt(0)
    func kinds(_ journal: [JournalEntry]) -> [String] {
      Merge.status(Merge.history(journal)).failures.map(\.kind)
    }
    let doubt = Merge.note(1, "mismatch", id, "b/2", "a/1 wrote x, but b/2 read back y")
    #expect(kinds([doubt, Merge.note(2, "readBack", id, "c/3")]) == ["mismatch"])
    #expect(kinds([doubt, Merge.note(1, "failed", id, "a/1", "a/1 wrote x")]) == ["failed"])
  }

  @Test func `what went wrong is listed, what went well is not`() {
    let wrong = [
      "failed", "lost", "died", "still", "suspected", "disputed", "settled", "drained",
      "barred",
      "quarantined",
    ]
    let well = [
      "joined", "away", "back", "left", "assigned", "adopted", "copied", "withdrawn", "cancelled",
      "merged", "readBack", "committed", "handedBack", "declined", "ending",
    ]
    let journal = (wrong + well).map { Merge.note(0, $0, Merge.attempt(0), "a/1", "x") }
    #expect(Merge.status(Merge.history(journal)).failures.map(\.kind) == wrong)
  }
}
