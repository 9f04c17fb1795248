// The status of a merge for people: facts above, then what is under way and what happened.
import Ledger
import Planning
import Publishing

extension JobStatus {
  /// Rows of a table that people are shown; JSON has them all.
  private static let rowsMax = 20
  private static let eventsMax = 10

  var text: String {
    var facts = Facts()
    addPlan(to: &facts)
    addWork(to: &facts)
    add("set aside", history.setAside, to: &facts)
    facts.add("next", next)
    return facts.text + tasks + section("failures", failures, Self.eventsMax)
      + section("last events", history.journal, Self.eventsMax)
  }

  // MARK: Facts

  private func addPlan(to facts: inout Facts) {
    let summary = PlanSummary(plan)
    facts.add("output", output)
    facts.add("state", stateText)
    if state != .finished, let endReason { facts.add("reason", endReason) }
    facts.add("base", plan.basePath)
    for adapter in plan.adapters {
      facts.add("adapter", AdapterStory(adapter).text)
    }
    facts.add("tensors", ChangeCounts(summary).text)
    facts.add("plan", history.planDigest)
    let verdicts = verdicts
    let failed = verdicts.isEmpty ? "" : "\(verdicts.count) failed, "
    facts.add(
      "jobs",
      "\(jobsDone) of \(jobsTotal) done, \(failed)\(jobsTotal - jobsDone - verdicts.count) left")
    add("failed", verdicts.map { "job \($0.job): \($0.reason)" }, to: &facts)
    add("drained", drained, to: &facts)
    facts.add("bytes", "\(Amount.share(bytesDone, of: bytesTotal)) done")
    if let rate, let secondsLeft {
      facts.add(
        "speed", "\(Amount.rate(rate)), about \(Amount.duration(seconds: secondsLeft)) left")
    }
    if let manifest { facts.add("digest", manifest.outputDigest) }
  }

  /// One line each, the first few.
  private func add(_ name: String, _ lines: [String], to facts: inout Facts) {
    for line in lines.prefix(Self.eventsMax) { facts.add(name, line) }
    if lines.count > Self.eventsMax { facts.add(name, "and \(lines.count - Self.eventsMax) more") }
  }

  private var stateText: String {
    state == .merging && endReason != nil ? "stopping" : state.rawValue
  }

  private func addWork(to facts: inout Facts) {
    facts.add("coordinator", coordinatorText)
    if let first = history.journal.first, let last = history.journal.last {
      facts.add("begun", Timestamp.text(milliseconds: first.time))
      facts.add("last event", Timestamp.text(milliseconds: last.time))
    } else if jobsDone > 0 {
      facts.add("journal", "empty: when and by whom jobs were tried is not known")
    }
    if history.isRunning, !history.journal.isEmpty {
      let names = attempts.workers.prefix(8).joined(separator: ", ")
      let more = attempts.workers.count - 8
      facts.add(
        "workers",
        attempts.workers.isEmpty
          ? "none" : "\(attempts.workers.count): \(names)" + (more > 0 ? " and \(more) more" : ""))
    }
    if attempts.attemptCount > 0 {
      facts.add("attempts", "\(attempts.attemptCount), \(attempts.retryCount) of them retries")
    }
  }

  private var coordinatorText: String {
    guard history.epoch > 0 else { return "none yet" }
    var who = history.host.isEmpty ? "" : "process \(history.processID) on \(history.host), "
    who += "epoch \(history.epoch)"
    if history.isRunning { return "at work, \(who)" + (endpoint.map { ", \($0)" } ?? "") }
    return "gone, it was \(who)"
  }

  // MARK: Tables

  private var tasks: String {
    let underWay = attempts.underWay
    if underWay.isEmpty { return "" }
    var table = Table(
      .number("job"), .text("shard"), .number("bytes"), .text("task"), .text("worker"),
      .number("for"), .text("attempt"))
    for story in underWay.prefix(Self.rowsMax) {
      guard let task = story.task else { continue }
      let job = plan.jobs[story.id.job]
      table.add(
        "\(job.id)", job.shardName, Amount.bytes(job.byteCount), task.kind.words, task.worker,
        task.since.map { Amount.duration(milliseconds: now - $0) } ?? "", "\(story.id)")
    }
    let more = underWay.count - Self.rowsMax
    return "\nin flight\n" + table.text(indent: 2) + (more > 0 ? "  and \(more) more\n" : "")
  }

  private func section(_ title: String, _ entries: [JournalEntry], _ limit: Int) -> String {
    if entries.isEmpty { return "" }
    let earlier = entries.count - limit
    return "\n\(title)\n" + (earlier > 0 ? "  \(earlier) earlier\n" : "")
      + EventText.table(entries.suffix(limit))
  }
}

extension AttemptStory.Task {
  /// For people.
  var words: String {
    switch self {
    case .merge: "merge"
    case .readBack: "read back"
    case .waiting: "waiting for its check"
    case .commit: "being committed"
    }
  }
}

/// Lines of the journal for people and programs.
enum EventText {
  /// One line an event, without headings.
  static func table(_ entries: some Sequence<JournalEntry>) -> String {
    let rows = entries.map { entry in
      [
        Timestamp.text(milliseconds: entry.time), entry.kind,
        entry.attempt.map { $0.attempt > 0 ? "\($0)" : "job \($0.job)" } ?? "", entry.worker,
        entry.text,
      ]
    }
    var widths = [Int](repeating: 0, count: 5)
    for row in rows {
      for column in 0..<4 { widths[column] = max(widths[column], row[column].count) }
    }
    return rows.map { row in
      var line = " "
      for (column, cell) in row.enumerated() where column == 4 || widths[column] > 0 {
        line += " " + cell.padded(to: widths[column] + (column < 4 ? 1 : 0))
      }
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }
}
