package import Publishing

/// What a finished run did.
package struct CoordinationSummary: Equatable, Sendable {
  package var published: PublishedSummary
  package var jobs: Int
  /// Of these, committed by earlier runs.
  package var jobsKept: Int
  /// Workers that made at least one shard.
  package var workersUsed: Int
  /// Merges that were given out again.
  package var retries: Int
  package var milliseconds: Int64

  package init(
    published: PublishedSummary, jobs: Int, jobsKept: Int, workersUsed: Int, retries: Int,
    milliseconds: Int64
  ) {
    self.published = published
    self.jobs = jobs
    self.jobsKept = jobsKept
    self.workersUsed = workersUsed
    self.retries = retries
    self.milliseconds = milliseconds
  }
}

/// How a run ended.
package enum CoordinationOutcome: Equatable, Sendable {
  case finished(CoordinationSummary)
  /// Cleanly, with work left: run again to go on.
  case stopped(reason: String)
  case failed(reasons: [String])
}
