// Which worker may do which task. Some things are never given up: memory, time, and that who has a
// hand in a job is no independent opinion of it. The rest is a matter of rank: a worker gets a job
// where nobody alive who could do it ranks better, or where the better ones have not taken it for a
// while; so a rule that nobody keeps holds nobody up.
import Messaging
import Planning

extension CoordinatorMachine {
  /// True where this worker may read the claim of a written job back.
  func mayReadBack(_ job: Int, _ slot: Int) -> Bool {
    guard case .written(let claim) = jobs[job].state else { return false }
    guard isOverdue(jobs[job]) else { return mayRead(claim, slot) }
    // Not even now does a writer clear itself of a doubt.
    let id = roster[slot].id
    return !claim.doubts.contains { $0.reader == id || id == claim.writer }
  }

  /// The writer reads its own shard back only where nobody else can and nobody doubted it; who
  /// doubted it is not asked again.
  func mayRead(_ claim: Claim, _ slot: Int) -> Bool {
    if roster[slot].answers(to: claim.writer) {
      return claim.doubts.isEmpty && !hasOtherReader(claim)
    }
    return isReader(roster[slot], of: claim)
  }

  /// True where a worker other than the writer and its doubters could read a claim back.
  func hasOtherReader(_ claim: Claim) -> Bool { roster.hasLive { isReader($0, of: claim) } }

  private func isReader(_ entry: RosterEntry, of claim: Claim) -> Bool {
    !entry.answers(to: claim.writer) && !claim.doubts.contains { $0.reader == entry.id }
      && !(hosts.isDrained(entry.host) && roster.hasLive { !hosts.isDrained($0.host) })
  }

  /// True where the job may be merged by this worker, now.
  ///
  /// `insteadOf`: a worker whose hand in the job would be withdrawn.
  func mayMerge(_ id: Int, _ slot: Int, insteadOf other: WorkerID? = nil) -> Bool {
    let job = jobs[id]
    let involved = job.involved.filter { $0 != other }
    guard let rank = rank(roster[slot], for: job, involved) else { return false }
    // A suspected job runs alone.
    if isSuspected(id), roster[slot].load > 0 { return false }
    return rank == 0 || isOverdue(job) || !hasCandidate(job, involved, below: rank)
  }

  /// The same where the best rank of all is known: for whoever asks about many workers.
  func mayMerge(_ id: Int, _ slot: Int, bestRank best: Int) -> Bool {
    let job = jobs[id]
    guard let rank = rank(roster[slot], for: job, job.involved) else { return false }
    if isSuspected(id), roster[slot].load > 0 { return false }
    return rank <= best || isOverdue(job)
  }

  /// Of all workers that could merge the job, sooner or later; the highest number where none could.
  func bestRank(for id: Int) -> Int {
    let job = jobs[id]
    let involved = job.involved
    var best = Int.max
    for entry in roster.entries where entry.isLive && !entry.isStill {
      guard best > 0 else { break }
      if let rank = rank(entry, for: job, involved) { best = min(best, rank) }
    }
    return best
  }

  /// Nobody has taken the job, or its claim, for long: whoever should is alive and does nothing.
  private func isOverdue(_ job: JobEntry) -> Bool {
    now - job.queuedAt > settings.stillMilliseconds
  }

  /// True where a live worker could merge the job, sooner or later, and ranks below `limit`.
  ///
  /// `orStill`: also one whose task moves no byte at the moment.
  func hasCandidate(
    _ job: JobEntry, _ involved: [WorkerID], below limit: Int = .max, orStill: Bool = false
  ) -> Bool {
    roster.hasLive { entry in
      guard orStill || !entry.isStill, let rank = self.rank(entry, for: job, involved) else {
        return false
      }
      return rank < limit
    }
  }

  /// True where what a worker makes is an opinion of its own, beside those involved: it is another
  /// process, and no later life of one of them (of the same host and key, where workers have keys
  /// of their own). A judge between two hosts is of neither.
  private func isIndependent(
    _ entry: RosterEntry, of involved: [WorkerID], isJudge: Bool
  ) -> Bool {
    guard !involved.isEmpty else { return true }
    if involved.contains(where: entry.answers) { return false }
    let hosts = involved.map { roster.host($0) }
    if isJudge, hosts.contains(entry.host), hosts.contains(where: { $0 != hosts[0] }) {
      return false
    }
    return !zip(involved, hosts).contains { name, host in
      guard host == entry.host else { return false }
      // Of one that an earlier coordinator knew only the host is known.
      if name.unmetLabel != nil { return roster.hasLive { $0.host != host } }
      return name.key == entry.id.key
        && roster.hasLive { $0.host != host || $0.id.key != entry.id.key }
    }
  }

  /// How badly a worker suits a job, 0 where nothing speaks against it; nil where it may never do
  /// it. In order of weight: its host is drained; it failed the job; its host did; it shares its
  /// host with a worker whose work it would confirm.
  private func rank(_ entry: RosterEntry, for job: JobEntry, _ involved: [WorkerID]) -> Int? {
    guard job.facts.memoryByteCount <= entry.memoryByteCount,
      entry.declinedByteCount.map({ job.facts.byteCount < $0 }) ?? true,
      isIndependent(entry, of: involved, isJudge: job.wanted > 2)
    else { return nil }
    var rank = 0
    if hosts.isDrained(entry.host) { rank += 8 }
    if job.failures.contains(where: { $0.worker == entry.id }) { rank += 4 }
    if job.failures.contains(where: { $0.host == entry.host })
      || job.deaths.contains(where: { $0.host == entry.host })
    {
      rank += 2
    }
    if involved.contains(where: { roster.host($0) == entry.host }) { rank += 1 }
    return rank
  }
}
