// What the coordinator's machine is told once; every span of time it keeps has its name here.
package import Planning

/// One job of the plan, as much of it as handing out needs.
package struct JobFacts: Equatable, Sendable {
  /// Position in the plan, from 0.
  package var id: Int
  package var shardName: String
  /// Size of the finished shard: what the job costs.
  package var byteCount: Int64
  /// Where a worker finds the job's recipes.
  package var slice: PlanSlice
  /// True where an earlier run has committed it.
  package var isCommitted: Bool

  package init(
    id: Int, shardName: String, byteCount: Int64, slice: PlanSlice, isCommitted: Bool = false
  ) {
    self.id = id
    self.shardName = shardName
    self.byteCount = byteCount
    self.slice = slice
    self.isCommitted = isCommitted
  }
}

/// Periods and limits of a run.
package struct CoordinatorSettings: Equatable, Sendable {
  /// This coordinator's life, from the ledger.
  package var epoch: UInt64
  /// Where workers find plan.json and write their attempts.
  package var jobFolder: String
  package var planDigest: String
  /// False with `--verify none`: a shard is committed on its writer's word.
  package var readsBack = true

  package var heartbeatMilliseconds: Int64 = 1_000
  /// A worker silent for longer is lost. Its own fence is at two thirds of it.
  package var leaseMilliseconds: Int64 = 15_000
  /// An assignment that the worker has not confirmed is sent again after this.
  package var resendMilliseconds: Int64 = 2_000
  /// A running task that moves no byte for longer is taken away from a worker that still talks.
  /// Long, since flushing a large shard to a slow disk moves none either.
  package var stallMilliseconds: Int64 = 600_000
  /// How long dismissed workers have to say goodbye.
  package var farewellMilliseconds: Int64 = 3_000
  /// Tasks of one worker: one running, one prefetched.
  package var tasksPerWorkerMax = 2
  /// The failure that ends a job, and the run with it.
  package var failuresMax = 3
  /// The same for shards that read back differently from what was written.
  package var mismatchesMax = 2
  /// The same for workers lost with the job, which may not be the job's fault.
  package var lossesMax = 8

  package init(epoch: UInt64, jobFolder: String, planDigest: String) {
    self.epoch = epoch
    self.jobFolder = jobFolder
    self.planDigest = planDigest
  }
}
