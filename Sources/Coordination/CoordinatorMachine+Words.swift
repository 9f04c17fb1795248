// What workers say, and their coming and going.
import Messaging
import Planning

extension CoordinatorMachine {
  mutating func hear(
    _ message: WorkerMessage, _ envelope: Envelope, from id: WorkerID, now: Int64
  ) {
    // A later coordinator has spoken to this worker: nothing it says is for us.
    guard envelope.epoch <= settings.epoch else { return }
    guard let index = roster.index(of: id) else {
      return hearStranger(message, envelope, from: id, now: now)
    }
    guard roster[index].standing != .gone else {
      switch message {
      case .goodbye: send(.farewell, to: id)
      case .result(let kind, let attempt, _): send(.settled(kind, attempt), to: id)
      case .hello, .credit, .progress: break
      }
      return
    }
    // What it held or wanted under an earlier coordinator says nothing about now.
    let isOfNow = envelope.epoch == settings.epoch
    let isNews = envelope.sequence > roster[index].sequence
    roster[index].sequence = max(roster[index].sequence, envelope.sequence)
    roster[index].lastHeard = now
    roster[index].standing = .live
    switch message {
    case .hello(_, _, _, let running):
      welcome(id)
      if isNews { hearHeld(index, held: running, now: now) }
    case .credit(let count):
      if isNews, isOfNow { roster[index].credit = min(max(0, count), settings.tasksPerWorkerMax) }
    case .progress(let running, let byteCount, let held):
      if isNews, isOfNow { hearProgress(index, running, byteCount, held, now: now) }
      send(.heartbeat, to: id)
    case .result(let kind, let attempt, let outcome):
      hearResult(index, kind, attempt, outcome)
    case .goodbye:
      note(.left, worker: id)
      send(.farewell, to: id)
      leave(index, .gone)
    }
  }

  private mutating func hearStranger(
    _ message: WorkerMessage, _ envelope: Envelope, from id: WorkerID, now: Int64
  ) {
    switch message {
    case .hello(let host, let processID, _, let running):
      guard dismissedAt == nil else { return send(.dismiss, to: id) }
      let index = roster.insert(
        RosterEntry(id: id, host: host, processID: processID, lastHeard: now))
      roster[index].sequence = envelope.sequence
      note(.joined, worker: id)
      welcome(id)
      hearHeld(index, held: running, now: now)
    case .result(let kind, let attempt, _): send(.settled(kind, attempt), to: id)
    case .goodbye: send(.farewell, to: id)
    // It was welcomed by an earlier life; seeing this epoch it says hello again.
    case .credit, .progress: send(.heartbeat, to: id)
    }
  }

  private mutating func welcome(_ id: WorkerID) {
    send(
      .welcome(
        jobFolder: settings.jobFolder, planDigest: settings.planDigest,
        heartbeatMilliseconds: Int(settings.heartbeatMilliseconds),
        leaseMilliseconds: Int(settings.leaseMilliseconds)), to: id)
    if dismissedAt != nil { send(.dismiss, to: id) }
  }

  private mutating func hearProgress(
    _ index: Int, _ running: AttemptID?, _ byteCount: Int64, _ held: [AttemptID], now: Int64
  ) {
    roster[index].running = running
    for task in roster[index].held.indices {
      guard roster[index].held[task].attempt == running else {
        roster[index].held[task].advancedAt = now  // its time has not begun
        continue
      }
      if byteCount > roster[index].held[task].byteCount {
        roster[index].held[task].byteCount = byteCount
        roster[index].held[task].advancedAt = now
      }
    }
    hearHeld(index, held: held, now: now)
  }

  /// Compares what a worker says it holds with what it should hold.
  private mutating func hearHeld(_ index: Int, held: [AttemptID], now: Int64) {
    let id = roster[index].id
    roster[index].reported = held
    for task in roster[index].held.indices {
      let attempt = roster[index].held[task].attempt
      roster[index].held[task].isConfirmed = held.contains(attempt)
    }
    for attempt in held where !roster[index].held.contains(where: { $0.attempt == attempt }) {
      // Its own merge that we know to be done: only the answer was lost. Cancelling the read-back
      // too would be wrong, the same worker may be asked for it next.
      if claim(on: attempt)?.writer == id {
        send(.settled(.merge, attempt), to: id)
      } else {
        send(.cancel(.merge, attempt), to: id)
        send(.cancel(.readBack, attempt), to: id)
      }
    }
  }

  private mutating func hearResult(
    _ index: Int, _ kind: Assignment.Kind, _ attempt: AttemptID, _ outcome: Outcome
  ) {
    let id = roster[index].id
    send(.settled(kind, attempt), to: id)
    let task = roster[index].release(kind, attempt)
    if !roster[index].held.contains(where: { $0.attempt == attempt }) {
      roster[index].reported.removeAll { $0 == attempt }
    }
    guard attempt.epoch == settings.epoch, jobs.entries.indices.contains(attempt.job),
      dismissedAt == nil
    else { return }
    switch kind {
    case .merge: if task != nil { mergeEnded(attempt, outcome, by: id) }
    case .readBack: readBackEnded(attempt, outcome, by: id)
    }
  }

  mutating func workerGone(_ host: String, _ processID: Int, now: Int64) {
    for index in roster.indices
    where roster[index].host == host && roster[index].processID == processID
      && roster[index].standing != .gone
    {
      lose(index, .gone, "its process ended")
    }
  }

  /// Leases, stalled tasks, assignments to be repeated.
  mutating func tick(now: Int64) {
    for index in roster.indices where roster[index].isLive {
      if now - roster[index].lastHeard > settings.leaseMilliseconds {
        lose(index, .lost, "no word for \(settings.leaseMilliseconds / 1000) s")
        continue
      }
      for task in roster[index].held {
        if task.attempt == roster[index].running,
          now - task.advancedAt > settings.stallMilliseconds
        {
          stalled(index, task)
        } else if !task.isConfirmed, now - task.sentAt >= settings.resendMilliseconds {
          resend(index, task, now: now)
        }
      }
    }
    remind(now: now)
  }

  /// The worker is silent or dead: everything it held goes to others, and counts as a loss.
  private mutating func lose(_ index: Int, _ standing: RosterEntry.Standing, _ reason: String) {
    let tasks = roster[index].held
    note(.lost, worker: roster[index].id, text: reason)
    leave(index, standing)
    for task in tasks { countLoss(task.attempt, worker: roster[index].label) }
  }

  private mutating func stalled(_ index: Int, _ task: HeldTask) {
    let id = roster[index].id
    note(.lost, task.attempt, worker: id, text: "no byte moved")
    _ = roster[index].release(task.kind, task.attempt)
    send(.cancel(task.kind, task.attempt), to: id)
    takeBack(task)
    countLoss(task.attempt, worker: roster[index].label)
  }

  /// Takes all tasks back without blame.
  private mutating func leave(_ index: Int, _ standing: RosterEntry.Standing) {
    let tasks = roster[index].held
    roster[index].standing = standing
    roster[index].held = []
    roster[index].reported = []
    roster[index].running = nil
    roster[index].credit = 0
    for task in tasks { takeBack(task) }
  }
}
