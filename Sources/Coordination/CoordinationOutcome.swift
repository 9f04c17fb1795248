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
}

/// How a run ended.
package enum CoordinationOutcome: Equatable, Sendable {
  case finished(CoordinationSummary)
  /// Cleanly, with work left: run again to go on.
  case stopped(reason: String)
  case failed(reasons: [String])
}
