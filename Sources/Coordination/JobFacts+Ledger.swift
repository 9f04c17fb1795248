// What a coordinator that takes up a job's folder knows of its jobs.
package import Ledger
package import Planning

extension JobFacts {
  /// One for each job of the plan, as the ledger found it.
  ///
  /// `memory`: bytes that a job needs; the plan's own reckoning unless said otherwise.
  package static func list(
    _ plan: MergePlan, _ encoded: EncodedPlan, _ ledger: JobLedger,
    memory: (MergeJob, PlanSlice) -> Int64 = { $0.memoryByteCount(sliceByteCount: $1.byteCount) }
  ) -> [JobFacts] {
    let committed = ledger.committed
    let orphans = Dictionary(grouping: ledger.orphans, by: \.job)
    return zip(plan.jobs, encoded.slices).map { job, slice in
      let begun = orphans[job.id] ?? []
      return JobFacts(
        id: job.id, shardName: job.shardName, byteCount: job.byteCount,
        memoryByteCount: memory(job, slice), slice: slice, isCommitted: committed[job.id] != nil,
        orphans: begun,
        finished: begun.compactMap { orphan in
          ledger.finished(orphan, of: job).map {
            FinishedAttempt($0.record, recordDigest: $0.digest)
          }
        })
    }
  }
}
