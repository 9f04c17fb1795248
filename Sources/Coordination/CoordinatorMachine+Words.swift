// What workers say.
import Messaging
import Planning

extension CoordinatorMachine {
  mutating func hear(_ message: WorkerMessage, _ envelope: Envelope, from id: WorkerID) {
    // A later coordinator has spoken to this worker: nothing it says is for us. Whether that one
    // has really taken over is told by the disk, not by a worker.
    guard envelope.epoch <= settings.epoch else { return }
    guard let slot = roster.slot(of: id) else { return hearStranger(message, envelope, from: id) }
    guard roster[slot].standing != .gone else {
      switch message {
      case .goodbye: send(.farewell, to: id)
      case .result(let task, _, _): send(.settled(task), to: id)
      case .hello, .progress: break
      }
      return
    }
    // What it held or wanted under an earlier coordinator says nothing about now.
    let isOfNow = envelope.epoch == settings.epoch
    let isNews = envelope.sequence > roster[slot].sequence
    comesBack(slot, sequence: envelope.sequence)
    switch message {
    case .hello(let introduction, let held):
      welcome(id)
      if isNews { hearHeld(slot, held, of: introduction.planDigest) }
    case .progress(let running, let byteCount, let movedByteCount, let held, let credit):
      answerProgress(of: id)
      guard isNews, isOfNow else { return }
      hearProgress(slot, running, byteCount, movedByteCount, held)
      wants(slot, credit)
    case .result(let task, let outcome, let credit):
      hearResult(slot, task, outcome)
      if isNews, isOfNow { wants(slot, credit) }
    case .goodbye:
      note(.left, worker: id)
      send(.farewell, to: id)
      leave(slot, .gone)
    }
  }

  private mutating func hearStranger(
    _ message: WorkerMessage, _ envelope: Envelope, from id: WorkerID
  ) {
    switch message {
    case .hello(let introduction, let held):
      guard dismissedAt == nil else { return send(.dismiss, to: id) }
      guard roster.entries.count < settings.workersMax else {
        return send(.refuse(reason: "\(settings.workersMax) processes have joined already"), to: id)
      }
      let slot = roster.insert(
        RosterEntry(
          id: id, host: introduction.host, processID: introduction.processID,
          memoryByteCount: introduction.memoryByteCount, lastHeard: now,
          sequence: envelope.sequence))
      note(.joined, worker: id)
      welcome(id)
      hearHeld(slot, held, of: introduction.planDigest)
    case .result(let task, _, _): send(.settled(task), to: id)
    case .goodbye: send(.farewell, to: id)
    // It was welcomed by an earlier life; seeing this epoch it says hello again.
    case .progress: answerProgress(of: id)
    }
  }

  private mutating func welcome(_ id: WorkerID) {
    send(
      .welcome(
        jobFolder: settings.jobFolder, planDigest: settings.planDigest,
        leaseMilliseconds: Int(settings.leaseMilliseconds)), to: id)
    if dismissedAt != nil { send(.dismiss, to: id) }
  }

  /// Every answer carries the period, so that those who came first report as seldom as the last.
  private mutating func answerProgress(of id: WorkerID) {
    let crowd = Int64(roster.liveCount) * 4
    let period = min(settings.heartbeatMilliseconds + crowd, settings.heartbeatMillisecondsMax)
    send(.heartbeat(periodMilliseconds: Int(period)), to: id)
  }

  private mutating func wants(_ slot: Int, _ credit: Int) {
    let credit = min(max(0, credit), settings.tasksPerWorkerMax)
    roster.change(slot) { $0.credit = credit }
  }

  private mutating func hearProgress(
    _ slot: Int, _ running: TaskID?, _ byteCount: Int64, _ movedByteCount: Int64, _ held: [TaskID]
  ) {
    var moves: AttemptID?
    roster.change(slot) { entry in
      // What is read for later (factors, norms) and what waits for its rate move before any byte
      // is done.
      let hasMoved = movedByteCount > entry.movedByteCount
      entry.movedByteCount = max(entry.movedByteCount, movedByteCount)
      entry.running = running
      for at in entry.held.indices {
        guard entry.held[at].task == running else {
          entry.held[at].advancedAt = now  // its time has not begun
          continue
        }
        if entry.held[at].startedAt == nil { entry.held[at].startedAt = now }
        if hasMoved || byteCount > entry.held[at].byteCount {
          entry.held[at].byteCount = max(entry.held[at].byteCount, byteCount)
          entry.held[at].advancedAt = now
          if entry.held[at].isStill { moves = entry.held[at].attempt }
          entry.held[at].isStill = false
        }
      }
    }
    if let moves { note(.back, moves, worker: roster[slot].id, text: "bytes move again") }
    hearHeld(slot, held, of: settings.planDigest)
  }

  /// Compares what a worker says it holds with what it should hold. A merge that nobody expects is
  /// adopted where its job has use for it, or else cancelled.
  private mutating func hearHeld(_ slot: Int, _ held: [TaskID], of plan: String) {
    let id = roster[slot].id
    roster.change(slot) { entry in
      entry.reported = held
      for at in entry.held.indices {
        entry.held[at].isConfirmed = held.contains(entry.held[at].task)
      }
    }
    // Told by an older word than this: it does not have it any more.
    for gone in roster[slot].held where gone.isAdopted && !held.contains(gone.task) {
      withdraw(gone, from: slot, "its worker does not have it any more")
    }
    for task in held where !roster[slot].held.contains(where: { $0.task == task }) {
      // Its own merge that we know to be done: only the answer was lost.
      if task.kind == .merge, isClaimed(task.attempt, by: roster[slot]) {
        send(.settled(task), to: id)
      } else if !(plan == settings.planDigest && adopt(task, slot)) {
        send(.cancel(task), to: id)
      }
    }
  }

  private func isClaimed(_ attempt: AttemptID, by entry: RosterEntry) -> Bool {
    guard jobs.entries.indices.contains(attempt.job) else { return false }
    let job = jobs[attempt.job]
    return (job.checking + job.claims).contains {
      $0.attempt == attempt && entry.answers(to: $0.writer)
    }
  }

  private mutating func hearResult(_ slot: Int, _ task: TaskID, _ outcome: Outcome) {
    let id = roster[slot].id
    send(.settled(task), to: id)
    let held = roster.change(slot) { entry in
      entry.reported.removeAll { $0 == task }
      if entry.running == task { entry.running = nil }
      return entry.release(task)
    }
    guard jobs.entries.indices.contains(task.attempt.job), dismissedAt == nil else { return }
    switch task.kind {
    case .merge: mergeEnded(task.attempt, outcome, by: slot, held)
    case .readBack: readBackEnded(task.attempt, outcome, by: id)
    }
  }
}
