// How far a merge is, from its folder alone: facts for `status`, told as text or JSON elsewhere.
import Coordination
import Ledger
import Planning
import Publishing

/// A merge that has a job's folder.
struct JobStatus {
  enum State: String, Sendable {
    case merging
    /// All jobs are committed, and the coordinator puts the output together.
    case publishing
    /// No coordinator, and work left.
    case stopped
    case finished
  }

  let history: JobHistory
  let attempts: AttemptHistory
  let output: String
  /// Of the published output, nil before.
  let manifest: Manifest?
  /// Milliseconds since 1970.
  let now: Int64

  init(_ history: JobHistory, output: String, manifest: Manifest?, now: Int64) {
    self.history = history
    attempts = AttemptHistory(history)
    self.output = output
    self.manifest = manifest
    self.now = now
  }

  var plan: MergePlan { history.plan }
  var jobsDone: Int { history.committed.count }
  var jobsTotal: Int { plan.jobs.count }
  var bytesDone: Int64 { history.committed.values.reduce(0) { $0 + $1.byteCount } }
  var bytesTotal: Int64 { plan.jobs.reduce(0) { $0 + $1.byteCount } }

  var state: State {
    if manifest != nil { return .finished }
    guard history.isRunning else { return .stopped }
    return jobsDone == jobsTotal ? .publishing : .merging
  }

  /// Of the newest coordinator, nil where it did not tell.
  var endpoint: String? { history.epochs.last { $0.number == history.epoch }?.endpoint }

  /// What the newest coordinator wrote.
  var currentEntries: ArraySlice<JournalEntry> { history.journal[history.currentStart...] }

  /// Why the newest coordinator ended or is ending, nil where it did not say.
  var endReason: String? { currentEntries.last { $0.kind == Kind.ending.rawValue }?.text }

  /// Workers that were lost, attempts that were rejected, and what followed from it, oldest first.
  var failures: [JournalEntry] {
    let found = history.journal.filter { Kind(rawValue: $0.kind)?.isTrouble == true }
    // A mismatch that rejects its attempt is told by the failure that follows.
    return found.enumerated().filter { index, entry in
      entry.kind != Kind.mismatch.rawValue
        || !found[index...].prefix(2).contains {
          $0.kind == Kind.failed.rawValue && $0.attempt == entry.attempt
        }
    }.map(\.element)
  }

  /// Why the newest coordinator gave jobs up, by job; those that are committed all the same are
  /// left out.
  var verdicts: [(job: Int, reason: String)] {
    var reasons: [Int: String] = [:]
    for entry in currentEntries where entry.kind == Kind.quarantined.rawValue {
      if let job = entry.attempt?.job, plan.jobs.indices.contains(job),
        history.committed[job] == nil
      {
        reasons[job] = entry.text
      }
    }
    return reasons.sorted { $0.key < $1.key }.map { (job: $0.key, reason: $0.value) }
  }

  /// Sentences about hosts that get no more work from the newest coordinator.
  var drained: [String] {
    currentEntries.filter { $0.kind == Kind.drained.rawValue }.map(\.text)
  }

  /// Bytes a second of the newest coordinator so far, nil where it is not at work, the journal is
  /// gone, or nothing is committed yet.
  var rate: Int64? {
    guard state == .merging, let first = currentEntries.first(where: { $0.attempt != nil }) else {
      return nil
    }
    let bytes = history.committed.values.reduce(Int64(0)) {
      $0 + ($1.attempt.epoch == history.epoch ? $1.byteCount : 0)
    }
    let milliseconds = now - first.time
    guard bytes > 0, milliseconds > 0 else { return nil }
    return Int64(Double(bytes) * 1000 / Double(milliseconds))
  }

  var secondsLeft: Int64? {
    guard let rate, rate > 0 else { return nil }
    return (bytesTotal - bytesDone + rate - 1) / rate
  }

  /// What a person would do now.
  var next: String {
    switch state {
    case .finished:
      return "shardweld verify \(output) checks every byte; remove \(history.folder.path) when its "
        + "history is no longer wanted"
    case .publishing: return "wait: the output is being put together"
    case .merging:
      if endReason != nil {
        return "wait for the coordinator to end, then run the same command again"
      }
      if attempts.workers.isEmpty, endpoint?.hasPrefix("tcp:") == true {
        return "start workers: shardweld worker --job \(history.folder.path) --keys DIR"
      }
      return "wait: the merge is at work; ask again to see how far it is"
    case .stopped:
      if jobsDone == jobsTotal { return "run the same command again to publish the output" }
      if let first = verdicts.first {
        return "shardweld explain \(output) \(first.job) tells what was tried; mend the cause, "
          + "then run the same command again: what is done is not done again"
      }
      return "run the same command again to go on; what is done is not done again"
    }
  }

  typealias Kind = CoordinatorMachine.Note.Kind
}
