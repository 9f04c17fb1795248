// What a job's folder tells after a run: who was given which job, and what became of it. A merge is
// counted for every time a job was given to somebody and not taken back untouched; what is beyond
// one a job was computed again. That may be at most once for every merge of this job that was in
// flight on a process when it was hit:
//
//   a worker       given to it by then, and not ended by then: merged, failed, or handed back;
//                  or given to it later, while nobody knew
//   a coordinator  given out in its life, not come to nothing by then, and the job not committed;
//                  where it only stands still for a while, given out by then
import Ledger
import Planning
import Storage

/// A run's merges, from its journals and commit records.
struct SoakHistory {
  /// One merge of one job.
  private struct Merge {
    var attempt: AttemptID
    var worker: String
    var time: Int64
    var end: (kind: String, time: Int64)?
    /// Journal and line.
    var place: (UInt64, Int)
  }

  private struct Commit {
    var time: Int64
    var place: (UInt64, Int)
  }

  private var merges: [Merge] = []
  private var noted: [Int: [Commit]] = [:]
  private var records: [Int: AttemptID] = [:]
  /// What no run may leave.
  private(set) var faults: [String] = []

  init(_ folder: JobFolder) throws {
    for name in try Folder.list(folder.commits) {
      if name.contains(".bad-") { faults.append("\(name) was set aside") }
      guard name.hasSuffix(".json"), !name.contains(".bad-") else { continue }
      let record = try CommitRecord.decode(WholeFile.read(Path.join(folder.commits, name)))
      records[record.job] = record.attempt
    }
    for name in try Folder.list(folder.journals) {
      guard let epoch = UInt64(name.prefix { $0 != "." }) else { continue }
      let bytes = try WholeFile.read(Path.join(folder.journals, name))
      for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
        if let entry = JournalEntry.decode(line) { take(entry, (epoch, index)) }
      }
    }
    for (job, commits) in noted where commits.count > 1 {
      faults.append("job \(job) was committed \(commits.count) times")
    }
  }

  private mutating func take(_ entry: JournalEntry, _ place: (UInt64, Int)) {
    guard let attempt = entry.attempt else { return }
    switch entry.kind {
    case "assigned" where entry.text == "merge":
      merges.append(Merge(attempt: attempt, worker: entry.worker, time: entry.time, place: place))
    case "merged", "failed", "handedBack", "withdrawn":
      guard let index = merges.lastIndex(where: { $0.attempt == attempt }),
        merges[index].end == nil
      else { return }
      merges[index].end = (entry.kind, entry.time)
    case "committed": noted[attempt.job, default: []].append(Commit(time: entry.time, place: place))
    default: return
    }
  }

  /// Merges that were begun, or might have been.
  private var begun: [Merge] { merges.filter { $0.end?.kind != "withdrawn" } }

  // MARK: In flight

  /// Merges that were in flight on whom a blow hit.
  func inFlight(_ strike: SoakStrike) -> Set<AttemptID> {
    Set(begun.filter { isHit($0, by: strike) }.map(\.attempt))
  }

  private func isHit(_ merge: Merge, by strike: SoakStrike) -> Bool {
    guard strike.blow.hitsCoordinator else {
      // A worker hands back only what it had when it was told to go, though its word may be noted
      // before we have looked at the clock.
      return merge.worker == strike.worker
        && (merge.end.map { $0.time > strike.time || $0.kind == "handedBack" } ?? true)
    }
    guard merge.attempt.epoch == strike.epoch, !isSuperseded(merge, at: strike.time),
      strike.blow != .freezeCoordinator || merge.time <= strike.time
    else { return false }
    // The line of a commit may have died with the coordinator; its record has not.
    guard let commit = noted[merge.attempt.job]?.first else {
      return records[merge.attempt.job].map { $0.epoch > strike.epoch } ?? true
    }
    return commit.time > strike.time
  }

  /// True where the merge had come to nothing by then, or the job was given out anew.
  private func isSuperseded(_ merge: Merge, at time: Int64) -> Bool {
    if let end = merge.end, end.kind != "merged", end.time <= time { return true }
    return begun.contains {
      $0.attempt.job == merge.attempt.job && $0.place > merge.place && $0.time <= time
    }
  }

  // MARK: Computed again

  /// How many merges were beyond one a job; what the blows do not account for is a fault.
  mutating func recomputed(after strikes: [SoakStrike]) -> Int {
    let forgiven = strikes.filter(\.blow.mayCostWork).reduce(into: Set<AttemptID>()) {
      $0.formUnion(inFlight($1))
    }
    var total = 0
    for (job, merges) in Dictionary(grouping: begun, by: \.attempt.job) {
      let lost = merges.filter { forgiven.contains($0.attempt) }.count
      total += merges.count - 1
      if merges.count - 1 > lost {
        let list = merges.map { "\($0.attempt)" }.joined(separator: ", ")
        faults.append("job \(job) was merged as \(list), of which \(lost) were in flight at a blow")
      }
    }
    return total
  }

  /// Jobs that were committed and merged again after.
  var lost: [Int] {
    begun.filter { merge in
      if let commit = noted[merge.attempt.job]?.first { return merge.place > commit.place }
      return records[merge.attempt.job].map { $0.epoch < merge.attempt.epoch } ?? false
    }.map(\.attempt.job)
  }
}
