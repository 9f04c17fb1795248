/// How far a run is, for display.
package struct ProgressSnapshot: Equatable, Sendable {
  package var jobsDone: Int
  package var jobsTotal: Int
  /// Given up; the rest of the run goes on.
  package var jobsFailed: Int
  /// Bytes of finished shards, and of unfinished ones as far as their writers have come.
  package var bytesDone: Int64
  package var bytesTotal: Int64
  /// Workers heard from within the lease.
  package var workers: Int
  /// `waiting for workers`, `merging`, `finishing`, `publishing`, `stopping`.
  package var phase: String

  package init(
    jobsDone: Int, jobsTotal: Int, jobsFailed: Int = 0, bytesDone: Int64, bytesTotal: Int64,
    workers: Int,
    phase: String
  ) {
    self.jobsDone = jobsDone
    self.jobsTotal = jobsTotal
    self.jobsFailed = jobsFailed
    self.bytesDone = bytesDone
    self.bytesTotal = bytesTotal
    self.workers = workers
    self.phase = phase
  }
}
