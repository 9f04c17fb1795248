// Which worker may do which task. A rule that nobody alive can keep is given up, in this order: an
// opinion from another host, then from another worker; a host that is not drained; a worker the job
// has not failed on. Memory is never given up.
import Messaging
import Planning

extension CoordinatorMachine {
  /// The writer reads its own shard back only where nobody else lives, and who doubted it is not
  /// asked again.
  func mayReadBack(_ job: Int, _ slot: Int) -> Bool {
    guard case .written(let claim) = jobs[job].state else { return false }
    let id = roster[slot].id
    if claim.doubts.contains(where: { $0.reader == id }) { return false }
    if hosts.isDrained(roster[slot].host), hasSound() { return false }
    return claim.writer != id || roster.liveCount == 1
  }

  /// True where a worker other than the writer and its doubters could read a claim back.
  func hasOtherReader(_ claim: Claim) -> Bool {
    roster.hasLive { entry in
      entry.id != claim.writer && !claim.doubts.contains { $0.reader == entry.id }
    }
  }

  /// True where the job may be merged by this worker, now.
  ///
  /// `insteadOf`: a worker whose hand in the job would be withdrawn.
  func mayMerge(_ job: Int, _ slot: Int, insteadOf other: WorkerID? = nil) -> Bool {
    let entry = roster[slot]
    let job = jobs[job]
    guard fits(job, entry) else { return false }
    if hosts.isDrained(entry.host), hasSound() { return false }
    let involved = job.involved.filter { $0 != other }
    if !involved.isEmpty, !isIndependent(entry, of: involved, job) { return false }
    if !job.failures.isEmpty || !job.deaths.isEmpty, !isUntried(entry, by: job) { return false }
    // A suspected job runs alone.
    return !isSuspected(job.facts.id) || entry.load == 0
  }

  private func fits(_ job: JobEntry, _ entry: RosterEntry) -> Bool {
    if job.facts.memoryByteCount > entry.memoryByteCount { return false }
    return entry.declinedByteCount.map { job.facts.byteCount < $0 } ?? true
  }

  /// A worker that lives on a host that is not drained.
  private func hasSound() -> Bool { roster.hasLive { !hosts.isDrained($0.host) } }

  /// A worker that could merge the job sooner or later, of those that the caller wants.
  func hasCandidate(_ job: JobEntry, where isWanted: (RosterEntry) -> Bool) -> Bool {
    roster.hasLive { entry in
      !entry.isStill && !hosts.isDrained(entry.host) && fits(job, entry) && isWanted(entry)
    }
  }

  /// Another worker, and of another host where one lives. Where only one worker lives at all, it
  /// may confirm itself; but never settle a dispute of its own.
  private func isIndependent(
    _ entry: RosterEntry, of involved: [WorkerID], _ job: JobEntry
  ) -> Bool {
    guard !involved.contains(entry.id) else {
      return roster.liveCount == 1 && job.wanted < 3 && job.tries.isEmpty
    }
    let hosts = involved.map { roster.host($0) }
    guard hosts.contains(entry.host) else { return true }
    return !hasCandidate(job) { !hosts.contains($0.host) }
  }

  /// A worker of a host that has not failed the job, or of one that has where no other lives; then
  /// a worker that has not, where one lives.
  private func isUntried(_ entry: RosterEntry, by job: JobEntry) -> Bool {
    let hosts = job.failures.map(\.host) + job.deaths.map(\.host)
    guard hosts.contains(entry.host) else { return true }
    if hasCandidate(job, where: { !hosts.contains($0.host) }) { return false }
    let workers = job.failures.map(\.worker)
    guard workers.contains(entry.id) else { return true }
    return !hasCandidate(job) { !workers.contains($0.id) }
  }
}
