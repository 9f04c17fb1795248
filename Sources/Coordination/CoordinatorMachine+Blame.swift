// What failures cost, and whom. A job is blamed only for what it did alone: a death while it ran
// counts against it after it was repeated with nothing else on that worker; a fault of the inputs
// needs a second worker to say the same. A host is blamed once others did well what failed there.
// Who leaves, is cut off or comes back is charged with nothing.
import Messaging
import Planning

/// What went wrong with an attempt.
struct Failed {
  var workers: [WorkerID]
  var reason: String
  var isInput: Bool
  var isBlamed: Bool

  init(by workers: [WorkerID], _ reason: String, isInput: Bool = false, isBlamed: Bool = true) {
    self.workers = workers
    self.reason = reason
    self.isInput = isInput
    self.isBlamed = isBlamed
  }
}

extension CoordinatorMachine {
  /// Its workers died too often for it to share one with another job.
  func isSuspected(_ job: Int) -> Bool {
    jobs[job].deaths.count >= settings.deathsBeforeIsolation
  }

  // MARK: Failures

  /// Drops an attempt and counts its failure.
  mutating func reject(_ attempt: AttemptID, _ failed: Failed) {
    note(.failed, attempt, worker: failed.workers.first, text: failed.reason)
    directives.append(.discard(attempt))
    countFailure(attempt.job, failed)
  }

  /// The job rests a moment and is tried again elsewhere, unless that is pointless.
  mutating func countFailure(_ id: Int, _ failed: Failed) {
    let workers = failed.workers
    for worker in workers {
      let failure = Failure(
        worker: worker, host: roster.host(worker),
        inputFault: failed.isInput ? failed.reason : nil)
      change(id) { job in
        job.failures.append(failure)
        if failed.isBlamed { job.blame(failure.host) }
      }
    }
    // Another attempt has brought the job further meanwhile.
    guard jobs[id].state == .open else { return }
    if failed.isInput, isConfirmed(failed.reason, jobs[id]) {
      let witnesses = jobs[id].failures.filter { $0.inputFault == failed.reason }.map(\.worker)
      return giveUp(id, failed.reason, place: place(witnesses))
    }
    // Faults on which no two workers agree are as good as those of machines.
    let times = jobs[id].failures.count { failed.isInput || $0.inputFault == nil }
    let isAlone = roster.liveHosts().count < 2
    guard times < (isAlone ? settings.failuresOnOneHostMax : settings.failuresMax) else {
      return giveUp(
        id, failed.reason, place: place(Array(workers.prefix(1))) + " (after \(times) failures)")
    }
    rest(id, after: times)
  }

  private func place(_ workers: [WorkerID]) -> String {
    var labels: [String] = []
    for label in workers.map(roster.label) where !labels.contains(label) { labels.append(label) }
    return labels.isEmpty ? "" : " on " + labels.joined(separator: " and ")
  }

  /// A second worker says the same, of another host where one lives.
  private func isConfirmed(_ fault: String, _ job: JobEntry) -> Bool {
    let same = job.failures.filter { $0.inputFault == fault }
    guard same.count > 1 else { return false }
    let hosts = same.map(\.host)
    if Set(hosts).count > 1 { return true }
    if roster.hasLive(where: { !hosts.contains($0.host) }) { return false }
    return Set(same.map(\.worker)).count > 1
      || !roster.hasLive { entry in !same.contains { $0.worker == entry.id } }
  }

  /// Full jitter: anything up to a bound that doubles with each failure.
  private mutating func rest(_ id: Int, after failures: Int) {
    guard failures > 1 else { return }
    let bound = settings.pauseMilliseconds << min(20, failures - 2)
    let end = now + jitter.below(min(bound, settings.pauseMillisecondsMax))
    change(id) { $0.notBefore = end }
  }

  // MARK: Deaths

  /// A worker died, or fell silent, with this task running.
  mutating func countDeath(_ held: HeldTask, of slot: Int) {
    barrenDeaths += 1
    roster.change(slot) { $0.isMourned = true }
    // A line that is cut takes all who live beyond it, once.
    if ending == nil, barrenDeaths >= settings.barrenDeathsMax + roster.liveCountMax {
      fail(
        "\(barrenDeaths) workers died one after the other with nothing committed in between; "
          + "look for a lack of memory, then run again")
    }
    // Reading a file back kills nobody; what a worker dies of then is its own.
    guard held.task.kind == .merge else { return }
    let id = held.attempt.job
    let death = Death(
      worker: roster[slot].id, host: roster[slot].host, wasAlone: held.isAlone)
    change(id) { job in
      job.deaths.append(death)
      job.blame(death.host)
    }
    note(.died, held.attempt, worker: death.worker, text: "with this merge running")
    if jobs[id].deaths.count == settings.deathsBeforeIsolation {
      note(
        .suspected, held.attempt,
        text: "\(jobs[id].deaths.count) workers died with it; from now on it runs alone")
    }
    judge(id)
  }

  /// Quarantines a job that killed its workers alone, often enough and on enough hosts.
  private mutating func judge(_ id: Int) {
    let job = jobs[id]
    let alone = job.deaths.filter(\.wasAlone)
    guard alone.count >= settings.deathsAloneMax, job.state == .open else { return }
    let killed = Set(alone.map(\.host))
    let others = roster.liveHosts().count { !killed.contains($0) }
    guard killed.count >= min(settings.deathsAloneMax, killed.count + others) else { return }
    giveUp(
      id,
      "\(job.deaths.count) workers died while they worked on it, the last \(alone.count) of them "
        + "with nothing else to do, on \(killed.sorted().joined(separator: ", "))")
  }

  /// A worker thought dead speaks: it was cut off, and nobody is to blame for that.
  mutating func refund(_ slot: Int) {
    let worker = roster[slot].id
    if roster[slot].isMourned { barrenDeaths = max(0, barrenDeaths - 1) }
    roster.change(slot) { $0.isMourned = false }
    for id in jobs.entries.indices where jobs[id].deaths.contains(where: { $0.worker == worker }) {
      change(id) { job in
        let hosts = job.deaths.filter { $0.worker == worker }.map(\.host)
        job.deaths.removeAll { $0.worker == worker }
        job.faultyHosts.removeAll { host in
          hosts.contains(host) && !job.deaths.contains { $0.host == host }
            && !job.failures.contains { $0.host == host }
        }
      }
    }
  }

  // MARK: Verdicts

  /// Quarantines a job: no more is tried in this run, and the rest of it goes on.
  mutating func giveUp(_ id: Int, _ reason: String, place: String = "") {
    let verdict = "\(jobs[id].facts.shardName) failed\(place): \(reason)"
    cancelReadBack(of: id)
    dropTries(of: id, "its job was given up")
    let left = jobs[id].claims.filter(\.hasFile).map(\.attempt) + jobs[id].strays.map(\.attempt)
    for attempt in left { directives.append(.discard(attempt)) }
    note(.quarantined, AttemptID(job: id, epoch: settings.epoch, attempt: 0), text: verdict)
    change(id) { job in
      job.state = .failed
      job.verdict = verdict
      job.claims = []
      job.strays = []
    }
  }

  /// The job is committed: who made it is well, and who failed it before is not.
  mutating func credit(_ id: Int, to claim: Claim) {
    let winner = roster.host(claim.writer)
    hosts.clear(winner)
    for host in jobs[id].faultyHosts where host != winner {
      strike(host, "\(jobs[id].facts.shardName) failed there and succeeded on \(winner)")
    }
    change(id) { $0.faultyHosts = [] }
  }

  mutating func strike(_ host: String, _ reason: String) {
    guard hosts.strike(host, limit: settings.strikesMax) else { return }
    note(.drained, text: "\(host) gets no more work: \(reason), the last of \(settings.strikesMax)")
  }

  /// Gives a host no more work at once.
  mutating func drain(_ host: String, _ reason: String) {
    guard hosts.strike(host, limit: 0) else { return }
    note(.drained, text: "\(host) gets no more work: \(reason)")
  }
}
