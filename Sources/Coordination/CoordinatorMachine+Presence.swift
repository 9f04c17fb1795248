// The coming and going of workers: leases, broken connections, deaths, and merges that outlived the
// coordinator or the connection they were begun under.
import Messaging
import Planning

extension CoordinatorMachine {
  /// Any word shows that a worker lives: it takes back what its silence was taken for.
  mutating func comesBack(_ slot: Int, sequence: UInt64) {
    let id = roster[slot].id
    let standing = roster.change(slot) { entry in
      defer {
        entry.standing = .live
        entry.lastHeard = now
        entry.sequence = max(entry.sequence, sequence)
      }
      return entry.standing
    }
    switch standing {
    case .live, .gone: break
    case .away: note(.back, worker: id)
    case .lost:
      note(.back, worker: id)
      refund(slot)
    }
  }

  /// A worker's connection broke: nothing new for it, what waits with it goes to others at once,
  /// and what runs as well, should it not be back soon.
  mutating func unreachable(_ id: WorkerID) {
    guard let slot = roster.slot(of: id), roster[slot].isLive else { return }
    note(.away, worker: id, text: "its connection broke")
    let waiting = roster[slot].held.filter { $0.task != roster[slot].current?.task }
    for held in waiting { withdraw(held, from: slot, "its worker is away") }
    roster.change(slot) { $0.standing = .away(since: now) }
  }

  /// Leases, still tasks, assignments to be repeated, pauses that are over.
  mutating func tick() {
    jobs.wake(now: now)
    for slot in roster.slots {
      switch roster[slot].standing {
      case .gone, .lost: continue
      case .away(let since):
        if now - since > settings.awayMilliseconds {
          lose(slot, "it did not come back within \(settings.awayMilliseconds / 1000) s")
        }
      case .live:
        if now - roster[slot].lastHeard > settings.leaseMilliseconds {
          lose(slot, "no word for \(settings.leaseMilliseconds / 1000) s")
        } else {
          for held in roster[slot].held { watch(held, slot) }
        }
      }
    }
    if ending == nil {
      watchDisputes()
      watchAudits()
    }
    watchDoubts()
    if isEasy { copyAtTail() }
    remind()
  }

  private mutating func watch(_ held: HeldTask, _ slot: Int) {
    let id = roster[slot].id
    let isRunning = held.task == roster[slot].running
    let stillness = now - held.advancedAt
    if isRunning, stillness > settings.stallMilliseconds {
      note(.died, held.attempt, worker: id, text: "no byte moved")
      _ = roster.change(slot) { $0.release(held.task) }
      send(.cancel(held.task), to: id)
      takeBack(held, from: id, .failure)
    } else if isRunning, stillness > settings.stillMilliseconds, !held.isStill {
      note(.still, held.attempt, worker: id, text: "no byte moves for \(stillness / 1000) s")
      roster.change(slot) { entry in
        for at in entry.held.indices where entry.held[at].task == held.task {
          entry.held[at].isStill = true
        }
      }
    } else if !held.isConfirmed, !held.isAdopted,
      now - held.sentAt >= settings.resendMilliseconds
    {
      resend(slot, held)
    }
  }

  /// The process is dead for certain.
  mutating func workerGone(_ host: String, _ processID: Int) {
    for slot in roster.slots
    where roster[slot].host == host && roster[slot].processID == processID
      && roster[slot].standing != .gone
    {
      note(.lost, worker: roster[slot].id, text: "its process ended")
      let running = roster[slot].current
      leave(slot, .gone, discards: true)
      if let running { countDeath(running, of: slot) }
    }
  }

  /// Nobody of this key may work here any more.
  mutating func barred(_ key: String, _ reason: String) {
    for slot in roster.slots where roster[slot].id.key == key && roster[slot].standing != .gone {
      note(.barred, worker: roster[slot].id, text: reason)
      leave(slot, .gone, discards: true)
    }
  }

  /// The worker is silent: everything it held goes to others. It may be dead, or behind a cut line:
  /// it is counted as dead until it speaks.
  private mutating func lose(_ slot: Int, _ reason: String) {
    note(.lost, worker: roster[slot].id, text: reason)
    let running = roster[slot].current
    leave(slot, .lost)
    if let running { countDeath(running, of: slot) }
  }

  /// Takes all tasks back without blame.
  mutating func leave(_ slot: Int, _ standing: RosterEntry.Standing, discards: Bool = false) {
    let id = roster[slot].id
    let held = roster.change(slot) { entry in
      defer {
        entry.standing = standing
        entry.held = []
        entry.reported = []
        entry.running = nil
        entry.credit = 0
      }
      return entry.held
    }
    for task in held { takeBack(task, from: id, discards ? .death : .silence) }
  }

  // MARK: Adoption

  /// Takes up a merge that its worker began under an earlier coordinator, or before it was thought
  /// lost; false where its job has no use for it.
  mutating func adopt(_ task: TaskID, _ slot: Int) -> Bool {
    let id = roster[slot].id
    guard task.kind == .merge, jobs.entries.indices.contains(task.attempt.job), ending == nil,
      dismissedAt == nil, roster[slot].held.count < 2 * settings.tasksPerWorkerMax
    else { return false }
    let job = jobs[task.attempt.job]
    guard job.state == .open, job.tries.count < max(2, job.wanted),
      job.checking.count + job.claims.count < job.wanted, !job.involved.contains(id),
      job.strays.contains(where: { $0.attempt == task.attempt && ($0.worker ?? id) == id })
    else { return false }
    change(task.attempt.job) { job in
      job.strays.removeAll { $0.attempt == task.attempt }
      job.tries.append(Try(attempt: task.attempt, worker: id))
      job.begun += 1
      job.notBefore = 0
    }
    roster.change(slot) { entry in
      entry.held.append(
        HeldTask(task: task, sentAt: now, isConfirmed: true, isAdopted: true, advancedAt: now))
    }
    note(.adopted, task.attempt, worker: id)
    return true
  }
}
