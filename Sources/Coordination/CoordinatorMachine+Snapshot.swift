// How far a run is, for display.

extension CoordinatorMachine {
  package var snapshot: ProgressSnapshot {
    var done: Int64 = 0
    for job in jobs.entries {
      switch job.state {
      case .failed, .revoking: break
      case .open:
        let bytes = job.checking.isEmpty ? job.tries.map(doneByteCount).max() ?? 0 : .max
        done += min(bytes, job.facts.byteCount)
      case .written, .readingBack, .committing, .committed: done += job.facts.byteCount
      }
    }
    return ProgressSnapshot(
      jobsDone: jobs.committedCount, jobsTotal: jobs.count, jobsFailed: jobs.failedCount,
      bytesDone: done, bytesTotal: jobs.byteCount, workers: roster.liveCount, phase: phase)
  }

  private func doneByteCount(_ merge: Try) -> Int64 {
    guard let slot = roster.slot(of: merge.worker) else { return 0 }
    return roster[slot].held.first { $0.attempt == merge.attempt }?.byteCount ?? 0
  }

  private var phase: String {
    if isPublishing { return "publishing" }
    if ending != nil { return "stopping" }
    if roster.liveCount == 0 { return "waiting for workers" }
    return jobs.pending.isEmpty && jobs.resting.isEmpty ? "finishing" : "merging"
  }
}
