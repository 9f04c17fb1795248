// Who worked on a job and how that went; known as long as the job's folder is there.
import Coordination
import Ledger
import OrderedJSON
import Planning

/// The work on one job.
struct JobWork {
  let job: Int
  /// Oldest first.
  let attempts: [AttemptStory]
  /// nil while the job is not done.
  let commit: CommitRecord?
  let commitPath: String
  /// The journal's lines of this job, oldest first.
  let events: [JournalEntry]
  let isRunning: Bool
  /// Why the newest coordinator gave the job up, nil where it did not.
  let verdict: String?
  /// Milliseconds since 1970.
  let now: Int64

  init(_ history: JobHistory, job: Int, now: Int64) {
    self.job = job
    attempts = AttemptHistory(history).attempts[job] ?? []
    commit = history.committed[job]
    commitPath = history.folder.commit(job)
    events = history.journal.filter { $0.attempt?.job == job }
    isRunning = history.isRunning
    verdict =
      history.journal[history.currentStart...].last {
        $0.kind == CoordinatorMachine.Note.Kind.quarantined.rawValue && $0.attempt?.job == job
      }?.text
    self.now = now
  }

  /// One word for programs.
  var state: String {
    if commit != nil { return "committed" }
    if verdict != nil { return "failed" }
    if let task = attempts.last(where: { $0.ending == nil })?.task { return task.kind.rawValue }
    return "pending"
  }

  var stateText: String {
    if commit != nil { return "committed" }
    if let verdict { return "given up: \(verdict)" }
    if let task = attempts.last(where: { $0.ending == nil })?.task {
      let span = task.since.map { " for \(Amount.duration(milliseconds: now - $0))" } ?? ""
      switch task.kind {
      case .merge: return "being merged by \(task.worker)" + span
      case .readBack: return "being read back by \(task.worker)" + span
      case .waiting: return "written, waiting for its check" + span
      case .commit: return "read back, being committed" + span
      }
    }
    let times = attempts.isEmpty ? "" : ", tried \(Amount.count(attempts.count, "time"))"
    return (isRunning ? "waiting for a worker" : "not done") + times
  }

  // MARK: Text

  /// `by` who committed it, for the facts of a tensor or a job.
  func add(to facts: inout Facts) {
    facts.add("state", stateText)
    guard let commit else {
      if let blame { facts.add("blame", blame) }
      return
    }
    facts.add("merged by", madeText(commit))
    if let story = attempts.last(where: { $0.id == commit.attempt }), let began = story.began {
      let end = story.ended.map { " to \(Timestamp.text(milliseconds: $0))" } ?? ""
      facts.add("when", Timestamp.text(milliseconds: began) + end)
    }
    facts.add("read back", readerText(commit))
    facts.add("attempts", "\(attempts.count), committed is \(commit.attempt)")
    facts.add("record", commitPath)
  }

  /// What the job is charged with, and by whose attempts; nil for nothing.
  private var blame: String? {
    func list(_ what: String, _ isMeant: (AttemptEnding) -> Bool) -> String? {
      let workers = attempts.filter { $0.ending.map(isMeant) ?? false }.map(\.worker)
      if workers.isEmpty { return nil }
      return "\(Amount.count(workers.count, what)) of \(workers.joined(separator: ", "))"
    }
    let failures = list("failure") { if case .failed = $0 { true } else { false } }
    let deaths = list("death") { if case .died = $0 { true } else { false } }
    let parts = [failures, deaths].compactMap(\.self)
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  private func readerText(_ commit: CommitRecord) -> String {
    if commit.readBackBy.isEmpty { return "by nobody else" }
    let isSame = commit.readBackBy == "\(commit.host)/\(commit.processID)"
    return "by \(commit.readBackBy)" + (isSame ? ", alone at work" : "")
  }

  private func madeText(_ commit: CommitRecord) -> String {
    let time = Amount.duration(milliseconds: Int64(commit.milliseconds))
    // A merge in one process does not clock its jobs.
    return "\(commit.host)/\(commit.processID)" + (commit.milliseconds > 0 ? " in \(time)" : "")
  }

  /// Attempts with their readings, one line each.
  var table: String {
    if attempts.isEmpty { return "" }
    var table = Table(
      .text("attempt"), .text("task"), .text("worker"), .text("begun"), .number("took"),
      .text("end"))
    for story in attempts {
      let task = story.adopted == nil ? "merge" : "merge, adopted"
      add("\(story.id)", task, story.worker, story.began, mergeEnd(story), &table)
      for reading in story.readBacks {
        let end = (reading.ended, reading.ending)
        add("", "read back", reading.worker, reading.began, end, &table)
      }
    }
    return "\nattempts\n" + table.text(indent: 2)
  }

  private func mergeEnd(_ story: AttemptStory) -> (Int64?, AttemptEnding?) {
    // The line's span is the merge alone; the check and the commit come after it.
    (story.merged ?? story.ended, story.ending)
  }

  private func add(
    _ attempt: String, _ task: String, _ worker: String, _ began: Int64?,
    _ end: (time: Int64?, ending: AttemptEnding?), _ table: inout Table
  ) {
    var took = ""
    if let began, let time = end.time {
      took = Amount.duration(milliseconds: time - began)
    }
    table.add(
      attempt, task, worker, began.map { Timestamp.text(milliseconds: $0) } ?? "", took,
      end.ending?.sentence ?? "under way")
  }

  var eventsText: String { events.isEmpty ? "" : "\nevents\n" + EventText.table(events) }

  // MARK: JSON

  /// Writes one object.
  func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("state", state)
      writer.member("verdict", .optional(verdict))
      writer.key("attempts")
      writer.array { writer in for story in attempts { Self.write(story, to: &writer) } }
      writer.key("commit")
      if let commit { Self.write(commit, commitPath, to: &writer) } else { writer.value(.null) }
    }
  }

  private static func write(
    _ commit: CommitRecord, _ path: String, to writer: inout JSONWriter
  ) {
    writer.object { writer in
      writer.member("path", path)
      writer.member("attempt", "\(commit.attempt)")
      writer.member("worker", "\(commit.host)/\(commit.processID)")
      writer.member("milliseconds", commit.milliseconds)
      writer.member("readBackBy", .optional(commit.readBackBy.isEmpty ? nil : commit.readBackBy))
      writer.member("bytes", commit.byteCount)
      writer.member("digest", commit.digest)
    }
  }

  private static func write(_ story: AttemptStory, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("attempt", "\(story.id)")
      writer.member("epoch", story.id.epoch)
      writer.member("worker", story.worker)
      writer.member("began", .moment(story.began))
      writer.member("adopted", .moment(story.adopted))
      writer.member("merged", .moment(story.merged))
      writer.member("ended", .moment(story.ended))
      writer.member("milliseconds", .optional(story.milliseconds))
      writer.member("ending", .optional(story.ending?.word))
      writer.member("reason", .optional(story.ending?.reason))
      writer.key("readBacks")
      writer.array { writer in
        for reading in story.readBacks {
          writer.object { writer in
            writer.member("worker", reading.worker)
            writer.member("began", .moment(reading.began))
            writer.member("ended", .moment(reading.ended))
            writer.member("ending", .optional(reading.ending?.word))
            writer.member("reason", .optional(reading.ending?.reason))
          }
        }
      }
    }
  }
}
