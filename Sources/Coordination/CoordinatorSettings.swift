// What the coordinator's machine is told once; every span of time it keeps has its name here.
package import Planning

/// An attempt of an earlier coordinator that its worker finished: shard and record lie there whole.
package struct FinishedAttempt: Equatable, Sendable {
  package var attempt: AttemptID
  /// Who wrote it.
  package var host: String
  package var processID: Int
  package var byteCount: Int64
  package var digest: String
  package var recordDigest: String

  package init(_ record: AttemptRecord, recordDigest: String) {
    attempt = record.attempt
    host = record.host
    processID = record.processID
    byteCount = record.byteCount
    digest = record.digest
    self.recordDigest = recordDigest
  }
}

/// One job of the plan, as much of it as handing out needs.
package struct JobFacts: Equatable, Sendable {
  /// Position in the plan, from 0.
  package var id: Int
  package var shardName: String
  /// Size of the finished shard: what the job costs.
  package var byteCount: Int64
  /// Memory without which no worker can merge it; see `MemoryNeed`.
  package var memoryByteCount: Int64
  /// Where a worker finds the job's recipes.
  package var slice: PlanSlice
  /// True where an earlier run has committed it.
  package var isCommitted: Bool
  /// Attempts of earlier coordinators whose files are still there: their workers may yet report.
  package var orphans: [AttemptID]
  /// Of these, the ones that need no report: what is written is checked and used.
  package var finished: [FinishedAttempt]

  package init(
    id: Int, shardName: String, byteCount: Int64, memoryByteCount: Int64 = 0, slice: PlanSlice,
    isCommitted: Bool = false, orphans: [AttemptID] = [], finished: [FinishedAttempt] = []
  ) {
    self.id = id
    self.shardName = shardName
    self.byteCount = byteCount
    self.memoryByteCount = memoryByteCount
    self.slice = slice
    self.isCommitted = isCommitted
    self.orphans = orphans
    self.finished = finished
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
  /// Of a hundred jobs, so many are merged twice, by two workers, and compared.
  package var auditPercent = 0
  /// What the jitter of pauses is drawn from; any number.
  package var seed: UInt64 = 0

  /// Between two reports of a worker. A crowd reports more seldom: each hundred workers add 400 ms.
  package var heartbeatMilliseconds: Int64 = 1_000
  package var heartbeatMillisecondsMax: Int64 = 4_000
  /// A worker silent for longer is lost. Its own fence is at two thirds of it.
  package var leaseMilliseconds: Int64 = 15_000
  /// A worker whose connection broke has so long to come back before its work goes to others.
  package var awayMilliseconds: Int64 = 5_000
  /// Jobs begun under an earlier coordinator wait so long for their workers to report.
  package var adoptionMilliseconds: Int64 = 10_000
  /// An assignment that the worker has not confirmed is sent again after this.
  package var resendMilliseconds: Int64 = 2_000
  /// A running task that moves no byte for longer is told, and may get a copy elsewhere.
  package var stillMilliseconds: Int64 = 30_000
  /// After this it is taken away from a worker that still talks. Long, since a slow disk may take
  /// its time over a flush, which moves no byte either.
  package var stallMilliseconds: Int64 = 600_000
  /// How long dismissed workers have to say goodbye.
  package var farewellMilliseconds: Int64 = 3_000
  /// Two workers differ and no third is there, or no second one for an audit: so long the job waits
  /// for one.
  package var thirdMilliseconds: Int64 = 15_000
  /// An audited job waits so long for a second worker.
  package var auditMilliseconds: Int64 = 120_000

  /// Processes that may ever join a run; more than any cluster starts, fewer than fill the memory.
  package var workersMax = 100_000
  /// Tasks of one worker: one running, one prefetched.
  package var tasksPerWorkerMax = 2
  /// Failures of devices and machines that quarantine a job; where one host alone works, fewer.
  package var failuresMax = 8
  package var failuresOnOneHostMax = 3
  /// Deaths after which a job runs alone, and deaths alone that quarantine it.
  package var deathsBeforeIsolation = 2
  package var deathsAloneMax = 3
  /// Workers that may die in a row, nothing being committed in between, before the run gives up:
  /// so many beyond the most that ever lived at once.
  package var barrenDeathsMax = 24
  /// Faults in a row, of jobs that succeed elsewhere, after which a host gets no more work.
  package var strikesMax = 3
  /// The first pause after a failure; it doubles up to the longest. The true one is drawn below it.
  package var pauseMilliseconds: Int64 = 1_000
  package var pauseMillisecondsMax: Int64 = 60_000
  /// A copy at the tail must save so much of what remains, and this on top.
  package var copyGainPercent: Int64 = 150
  package var copyGainMilliseconds: Int64 = 5_000
  /// Of all bytes, so many may be written twice by copies of jobs that are merely slow.
  package var copiedPercentMax: Int64 = 5

  package init(epoch: UInt64, jobFolder: String, planDigest: String) {
    self.epoch = epoch
    self.jobFolder = jobFolder
    self.planDigest = planDigest
  }
}
