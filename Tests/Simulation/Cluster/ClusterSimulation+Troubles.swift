// What goes wrong, and how it heals.
import Coordination
import Messaging
import Planning
import Storage
import Working

extension ClusterSimulation {
  func befall(_ trouble: Trouble) {
    guard !isFinished else { return }
    let worker = workers[Int(random.number(0...Int64(workers.count - 1)))]
    note(6, worker.index, "\(trouble), worker \(worker.index)")
    counts.troubles[trouble, default: 0] += 1
    switch trouble {
    case .killWorker: kill(worker)
    case .pauseWorker:
      worker.pausedUntil = now + random.number(1_000...40_000)
      watch.disturbs(worker)
      if random.chance(50) { breakConnection(of: worker, within: 5_000) }
    case .hangWorker:
      worker.hungUntil = now + random.number(1_000...70_000)
      watch.disturbs(worker)
    case .slowWorker:
      worker.slowness = 10
      watch.disturbs(worker)
    case .terminateWorker: tell(worker, .terminate)
    case .cutLine, .cutLineToWorker, .cutLineToCoordinator: cut(trouble, worker)
    case .dropConnection:
      watch.disturbs(worker)
      breakConnection(of: worker, within: 100)
    case .barKey: bar(worker)
    case .killCoordinator, .pauseCoordinator, .secondCoordinator, .takeover, .stopCoordinator:
      befallCoordinator(trouble)
    case .powerCut, .dieInCall, .failCall, .flipBit, .fillDisk, .deleteJournal:
      befallDisk(trouble)
    }
  }

  private func cut(_ trouble: Trouble, _ worker: SimulatedWorker) {
    let until = now + random.number(500...40_000)
    watch.disturbs(worker)
    if trouble != .cutLineToCoordinator { worker.deafUntil = until }
    if trouble != .cutLineToWorker { worker.muteUntil = until }
    // Heartbeats of the line show it after four seconds.
    if until - now > 4_000 { breakConnection(of: worker, within: 5_000) }
  }

  /// Its next message shows it.
  private func bar(_ worker: SimulatedWorker) {
    // A liar under another key would be a second opinion.
    guard worker.lie != .computesWrongly else { return }
    barredKeys.append(worker.key)
    watch.disturbs(worker)
  }

  private func befallCoordinator(_ trouble: Trouble) {
    switch trouble {
    case .secondCoordinator:
      return agenda.put(.startCoordinator(takesOver: false), at: now)
    case .takeover: return agenda.put(.startCoordinator(takesOver: true), at: now)
    default: break
    }
    guard let coordinator = coordinators.last(where: \.isAlive) else { return }
    switch trouble {
    case .killCoordinator:
      disk.kill(coordinator.process)
      comesToDeath(coordinator)
    case .pauseCoordinator: coordinator.pausedUntil = now + random.number(1_000...40_000)
    default: tell(coordinator, .stop(reason: "stopped by SIGTERM"))
    }
  }

  private func befallDisk(_ trouble: Trouble) {
    switch trouble {
    case .powerCut:
      let loss = random.pick(Loss.allCases)
      if weather.disk.isNetwork {
        disk.cutPower(host: random.pick(["h0", "h1", "c0", "c1"]), loss)
      } else {
        disk.cutPower(loss)
        watch.powerWasCut()
      }
      findDead()
    case .dieInCall:
      disk.faults.append(DiskFault(.dies(after: random.chance(50)), at: Int(random.number(1...40))))
    case .failCall:
      var fault = DiskFault(.fails(errno: 5), at: Int(random.number(1...60)))
      if random.chance(30) { fault.effect = .losesPages(errno: 5) }
      if random.chance(30) { fault.effect = .writesShort }
      disk.faults.append(fault)
    case .flipBit: flip()
    case .fillDisk:
      // A heartbeat is written over the last one, which needs no more room.
      disk.faults.append(
        DiskFault(
          .fails(errno: 28), at: Int(random.number(1...20)), isLasting: true, kind: .write,
          sparedEnding: ".beat"))
    default: deleteJournals()
    }
  }

  /// Turns over a bit of a shard that waits for its read-back.
  private func flip() {
    guard weather.readsBack, let names = disk.names(merge.folder.attempts) else { return }
    let shards = names.filter { $0.hasSuffix(JobFolder.ending) }
    guard !shards.isEmpty else { return }
    let name = random.pick(shards)
    guard let attempt = AttemptID(name.dropLast(JobFolder.ending.count)),
      watch.mayRot(attempt)
    else { return }
    let path = merge.folder.shard(attempt)
    let bits = Int64((disk.bytes(path)?.count ?? 0) * 8)
    guard bits > 0 else { return }
    disk.flip(path, bit: Int(random.number(0...(bits - 1))))
  }

  /// Somebody tidies up.
  private func deleteJournals() {
    processCount += 1
    let somebody = disk.process(host: "h0", processID: processCount)
    let folder = merge.folder.journals
    somebody.run {
      do throws(StorageError) {
        for name in try Folder.list(folder) { try Folder.removeTree(Path.join(folder, name)) }
      } catch {}  // then it stays
    }
    disk.kill(somebody)
  }

  /// Finds whose process ended with its host.
  func findDead() {
    for worker in workers where worker.process.isDead { died(worker) }
    for coordinator in coordinators where coordinator.process.isDead { comesToDeath(coordinator) }
  }

  /// Nothing bad happens any more.
  func heal() {
    note(7, 0, "all heals")
    disk.faults.removeAll { fault in
      if sabotage == .skipsFlush, case .lies = fault.effect { false } else { true }
    }
    disk.faultChance = 0
    // What a liar has said of itself cannot be unsaid: its next life is honest.
    for worker in workers where worker.lie != nil { kill(worker) }
    for worker in workers {
      worker.pausedUntil = min(worker.pausedUntil, now)
      worker.hungUntil = min(worker.hungUntil, now)
      worker.deafUntil = min(worker.deafUntil, now)
      worker.muteUntil = min(worker.muteUntil, now)
      worker.slowness = 1
    }
    for coordinator in coordinators {
      coordinator.pausedUntil = min(coordinator.pausedUntil, now)
    }
  }
}
