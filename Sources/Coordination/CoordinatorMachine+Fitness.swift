// Which worker may do which task. What speaks against a worker is weighed, and a task is given to
// those alone against whom nothing weightier speaks than against anybody else alive. A rule that
// nobody can keep is thus given up, in this order: an opinion from another host, then from another
// worker; a host, then a worker, that the job has not failed on; a host that is not drained. No two
// rules together can leave a task without a worker. Memory is never given up.
import Messaging
import Planning

extension CoordinatorMachine {
  /// True where this worker may read the claim of a written job back.
  func mayReadBack(_ job: Int, _ slot: Int) -> Bool {
    guard case .written(let claim) = jobs[job].state else { return false }
    return mayRead(claim, slot)
  }

  /// The writer reads its own shard back only where nobody else can and nobody doubted it; who
  /// doubted it is not asked again.
  func mayRead(_ claim: Claim, _ slot: Int) -> Bool {
    if claim.writer == roster[slot].id { return claim.doubts.isEmpty && !hasOtherReader(claim) }
    return isReader(roster[slot], of: claim)
  }

  /// True where a worker other than the writer and its doubters could read a claim back.
  func hasOtherReader(_ claim: Claim) -> Bool { roster.hasLive { isReader($0, of: claim) } }

  private func isReader(_ entry: RosterEntry, of claim: Claim) -> Bool {
    entry.id != claim.writer && !claim.doubts.contains { $0.reader == entry.id }
      && !(hosts.isDrained(entry.host) && roster.hasLive { !hosts.isDrained($0.host) })
  }

  /// True where the job may be merged by this worker, now.
  ///
  /// `insteadOf`: a worker whose hand in the job would be withdrawn.
  func mayMerge(_ job: Int, _ slot: Int, insteadOf other: WorkerID? = nil) -> Bool {
    let entry = roster[slot]
    let job = jobs[job]
    // A suspected job runs alone.
    guard fits(job, entry), !isSuspected(job.facts.id) || entry.load == 0,
      let weight = weight(against: entry, for: job, insteadOf: other)
    else { return false }
    return weight == 0
      || !roster.hasLive { rival in
        guard !rival.isStill, fits(job, rival) else { return false }
        return (self.weight(against: rival, for: job, insteadOf: other) ?? weight) < weight
      }
  }

  private func fits(_ job: JobEntry, _ entry: RosterEntry) -> Bool {
    if job.facts.memoryByteCount > entry.memoryByteCount { return false }
    return entry.declinedByteCount.map { job.facts.byteCount < $0 } ?? true
  }

  /// What speaks against a worker, each ground weightier than all before it; nil where it may never
  /// merge the job: nobody settles a dispute of its own, or races itself.
  private func weight(
    against entry: RosterEntry, for job: JobEntry, insteadOf other: WorkerID?
  ) -> Int? {
    var weight = 0
    let involved = job.involved.filter { $0 != other }
    if involved.contains(entry.id) {
      guard job.wanted < 3, job.tries.allSatisfy({ $0.worker == other }) else { return nil }
      weight += 2
    } else if involved.contains(where: { roster.host($0) == entry.host }) {
      weight += 1
    }
    if job.deaths.contains(where: { $0.host == entry.host })
      || job.failures.contains(where: { $0.host == entry.host })
    {
      weight += 4
    }
    if job.failures.contains(where: { $0.worker == entry.id }) { weight += 8 }
    if hosts.isDrained(entry.host) { weight += 16 }
    return weight
  }

  /// A worker that could merge the job sooner or later, of those that the caller wants.
  func hasCandidate(_ job: JobEntry, where isWanted: (RosterEntry) -> Bool) -> Bool {
    roster.hasLive { entry in
      !entry.isStill && !hosts.isDrained(entry.host) && fits(job, entry) && isWanted(entry)
    }
  }
}
