// The coordinators' side: their processes, what the machine orders, and the disk.
import Coordination
import Ledger
import Messaging
import Planning
import Publishing
import Storage

extension ClusterSimulation {
  /// The coordinator that workers find: the one that announced itself last and lives.
  var listening: SimulatedCoordinator? { coordinators.last { $0.isAlive && $0.isListening } }

  /// Someone, or something, runs the command again.
  func startCoordinator(takesOver: Bool) {
    guard !isFinished else { return }
    guard !isOverdue else {
      return agenda.put(.startCoordinator(takesOver: takesOver), at: now + 250)
    }
    processCount += 1
    // Once the output stands, where no old view of the folders hides it.
    let isThere = disk.exists(merge.output)
    let host = weather.isLocal ? "h0" : isThere ? lastHost : "c\(random.number(0...1))"
    let process = disk.process(host: host, processID: processCount)
    let coordinator = SimulatedCoordinator(process, number: coordinators.count)
    let others = coordinators.filter { $0.isAlive && $0.isListening }
    coordinators.append(coordinator)
    note(1, coordinator.number, "coordinator \(coordinator.number) starts on \(host)")
    let opening = FolderOpening(
      merge: merge, takesOver: takesOver, keepsAttempts: !weather.isLocal,
      jobMemory: weather.jobMemory)
    let result = process.run { opening.open() }
    guard coordinator.isAlive, !isFinished else { return comesToDeath(coordinator) }
    switch result {
    case .ready(let ledger, let facts):
      watch.opened(
        ledger, others: others.filter { $0.isAlive && $0.isListening }, takesOver: takesOver)
      begin(coordinator, ledger, facts)
    case .wasFinished: end(coordinator, .finished)
    case .refused(let reason):
      note(1, coordinator.number, "refused: \(reason)")
      counts.refusedStarts += 1
      disk.kill(process)
      coordinator.isOver = true
      if others.contains(where: \.isAlive) { counts.refusedSecond += 1 } else { startAgain() }
    }
  }

  private func begin(
    _ coordinator: SimulatedCoordinator, _ ledger: JobLedger, _ found: [JobFacts]
  ) {
    var settings = CoordinatorSettings(
      epoch: ledger.epoch, jobFolder: merge.folder.path,
      planDigest: merge.encoded.digest.description)
    settings.readsBack = weather.readsBack && sabotage != .publishesUnverified
    settings.auditPercent = weather.auditPercent
    settings.seed = random.next()
    var facts = found
    if sabotage == .forgetsCommits { for at in facts.indices { facts[at].isCommitted = false } }
    coordinator.ledger = ledger
    lastHost = coordinator.process.hostName
    coordinator.epoch = ledger.epoch
    coordinator.work = DiskWork(
      ledger: ledger, publication: merge.publication(epoch: ledger.epoch), jobs: merge.plan.jobs,
      overwrites: false)
    coordinator.machine = CoordinatorMachine(settings: settings, jobs: facts, now: now)
    coordinator.isListening = true
    coordinator.diskFreeAt = now
    watch.starts(coordinator.number, ledger.epoch, facts)
    agenda.put(.coordinatorTick(coordinator.number), at: now)
    agenda.put(.beat(coordinator.number), at: now)
    for worker in workers where worker.isAlive && worker.connection == nil {
      agenda.put(.connect(worker.index, life: worker.life), at: now + random.number(1...5_000))
    }
  }

  func tickCoordinator(_ number: Int) {
    let coordinator = coordinators[number]
    guard coordinator.isAlive else { return }
    agenda.put(.coordinatorTick(number), at: max(now, coordinator.pausedUntil) + 250)
    guard coordinator.pausedUntil <= now else { return }
    tell(coordinator, .tick)
  }

  func beat(_ number: Int) {
    let coordinator = coordinators[number]
    guard coordinator.isAlive, let work = coordinator.work else { return }
    agenda.put(.beat(number), at: max(now, coordinator.pausedUntil) + 2_000)
    guard coordinator.pausedUntil <= now else { return }
    let event = coordinator.process.run { work.beat() }
    if coordinator.process.isDead { return comesToDeath(coordinator) }
    if let event { tell(coordinator, event) }
  }

  func tell(_ coordinator: SimulatedCoordinator, _ event: CoordinatorMachine.Event) {
    guard coordinator.isAlive, let directives = coordinator.machine?.on(event, now: now) else {
      return
    }
    note(
      2, coordinator.number << 8 | directives.count,
      "coordinator \(coordinator.number): \(event) → \(directives)")
    watch.told(event, directives, by: coordinator.number)
    for directive in directives { carryOut(directive, coordinator) }
  }

  private func carryOut(
    _ directive: CoordinatorMachine.Directive, _ coordinator: SimulatedCoordinator
  ) {
    switch directive {
    case .send(let message, let envelope, let id):
      watch.says(message, to: id, by: coordinator.number, workers: workers)
      say(message, envelope, to: id, from: coordinator)
    case .check(let attempt, let byteCount, let digest, let recordDigest):
      order(
        .check(attempt, byteCount: byteCount, digest: digest, recordDigest: recordDigest),
        coordinator)
    case .commit(let attempt, let reader):
      order(.commit(attempt, readBackBy: reader), coordinator)
    case .revoke(let job): order(.revoke(job), coordinator)
    case .discard(let attempt):
      coordinator.discards.append(attempt)
      order(.discard(attempt), coordinator)
    case .publish: order(.publish, coordinator)
    case .note(let note):
      watch.noted(note, by: coordinator.number)
      order(.note(note), coordinator)
    case .end(let ending): end(coordinator, ending)
    }
  }

  // MARK: The disk

  private func order(_ order: DiskOrder, _ coordinator: SimulatedCoordinator) {
    if case .note = order {
    } else {
      coordinator.diskFreeAt = max(now, coordinator.diskFreeAt) + random.number(1...100)
    }
    agenda.put(
      .order(order, coordinator: coordinator.number), at: max(now, coordinator.diskFreeAt))
  }

  func carryOut(_ order: DiskOrder, _ number: Int, again: Happening) {
    let coordinator = coordinators[number]
    guard coordinator.isAlive, let work = coordinator.work else { return }
    guard coordinator.pausedUntil <= now else {
      return agenda.put(again, at: coordinator.pausedUntil)
    }
    var event: CoordinatorMachine.Event?
    coordinator.process.run {
      switch order {
      case .check(let attempt, let byteCount, let digest, let recordDigest):
        event = work.check(
          attempt, byteCount: byteCount, digest: digest, recordDigest: recordDigest)
      case .commit(let attempt, let reader):
        watch.commits(attempt, by: number)
        event = work.commit(attempt, readBackBy: reader)
      case .revoke(let job):
        watch.revokes(job)
        event = work.revoke(job)
      case .discard(let attempt):
        coordinator.discards.removeAll { $0 == attempt }
        work.discard(attempt)
      case .publish:
        switch work.publish() {
        case .event(let answer): event = answer
        case .published: event = .published
        }
      case .note(let note): work.note(note)
      }
    }
    if coordinator.process.isDead { return comesToDeath(coordinator) }
    guard let event else { return }
    if case .committed(let attempt) = event { watch.committed(attempt, by: number, on: disk) }
    tell(coordinator, event)
  }

  // MARK: Ends

  private func end(_ coordinator: SimulatedCoordinator, _ ending: CoordinatorMachine.End) {
    note(3, coordinator.number, "coordinator \(coordinator.number) ends: \(ending)")
    coordinator.isListening = false
    drain(coordinator)
    var isDone = false
    if ending == .finished {
      isDone = coordinator.process.run { () -> Bool in
        do throws(LedgerError) {
          if let ledger = coordinator.ledger { try ledger.remove() }
          return true
        } catch {
          return false
        }
      }
    }
    watch.ended(ending, by: coordinator.number, isHealed: isHealed)
    let wasAlive = !coordinator.process.isDead
    coordinator.isOver = true
    disk.kill(coordinator.process)
    loseConnections(to: coordinator)
    if ending == .finished, isDone, wasAlive {
      isFinished = true
    } else {
      startAgain()
    }
  }

  /// Carries out at once what it has ordered and waits for no answer.
  private func drain(_ coordinator: SimulatedCoordinator) {
    guard let work = coordinator.work else { return }
    for attempt in coordinator.discards {
      coordinator.process.run { work.discard(attempt) }
    }
    coordinator.discards = []
  }

  /// A coordinator's process is found dead.
  func comesToDeath(_ coordinator: SimulatedCoordinator) {
    guard !coordinator.isOver else { return }
    coordinator.isOver = true
    coordinator.isListening = false
    watch.coordinatorDied(coordinator.number)
    loseConnections(to: coordinator)
    if weather.isLocal {
      for worker in workers where worker.isAlive { kill(worker) }
    }
    startAgain()
  }

  private func loseConnections(to coordinator: SimulatedCoordinator) {
    for worker in workers where worker.connection == coordinator.number {
      agenda.put(
        .disconnect(worker.index, life: worker.life, connection: worker.connectionCount),
        at: now + random.number(1...4_000))
    }
  }

  /// Whoever started the merge runs it again, unless another one is at it.
  func startAgain() {
    restarts += 1
    if restarts > 200 { watch.broken = "the merge was started \(restarts) times" }
    agenda.put(.startCoordinator(takesOver: false), at: now + random.number(100...5_000))
  }
}

/// What a starting coordinator does with the job's folder, as the command does.
struct FolderOpening {
  let merge: SmallMerge
  let takesOver: Bool
  let keepsAttempts: Bool
  let jobMemory: [Int64]

  enum Result {
    case ready(JobLedger, [JobFacts])
    case wasFinished
    case refused(String)
  }

  func open() -> Result {
    do throws(LedgerError) {
      try JobLedger.sweep(merge.folder)
      if try FinishMarker.place(in: merge.folder) != .published, try isFinished() {
        return .wasFinished
      }
      let ledger = try JobLedger.open(
        merge.folder, plan: merge.plan, encoded: merge.encoded, takesOver: takesOver,
        keepsAttempts: keepsAttempts)
      try ledger.announce(
        EpochRecord(
          number: ledger.epoch, host: Host.name, bootID: Host.bootID, processID: Host.processID,
          endpoint: "tcp://c:1", publicKey: String(repeating: "k", count: 40)))
      return .ready(
        ledger,
        JobFacts.list(merge.plan, merge.encoded, ledger) { job, _ in jobMemory[job.id] })
    } catch {
      return .refused(error.sentence)
    }
  }

  private func isFinished() throws(LedgerError) -> Bool {
    do throws(StorageError) {
      guard try FileStatus.of(merge.output)?.isFolder == true else { return false }
      return try !Folder.list(merge.output).isEmpty
    } catch {
      throw .storage(error)
    }
  }
}
