// The lines between workers and coordinators: connections that come and go, and messages as bytes
// that arrive late, twice, in another order, changed, or not at all.
import Coordination
import Messaging
import Planning
import Working

extension ClusterSimulation {
  // MARK: Words

  func say(_ message: WorkerMessage, _ envelope: Envelope, from worker: SimulatedWorker) {
    let bytes = MessageCodec.encode(message, envelope)
    guard let connection = worker.connection, worker.muteUntil <= now else {
      counts.lostMessages += 1
      return
    }
    if sabotage == .forgetsResends, watch.isRepeated(message, by: worker) { return }
    travel(
      .toCoordinator(bytes, worker: worker.index, life: worker.life, coordinator: connection),
      bytes)
    if !isHealed, let lie = worker.lie { babble(lie, worker, bytes, connection) }
    worker.lastWords = bytes
  }

  /// What a liar says on top.
  private func babble(
    _ lie: Lie, _ worker: SimulatedWorker, _ bytes: [UInt8], _ connection: Int
  ) {
    guard random.chance(10) else { return }
    var lies = bytes
    switch lie {
    case .computesWrongly, .claimsWrongly, .misreads: return
    case .talksGarbage:
      for _ in 0..<random.number(1...4) {
        lies[Int(random.number(0...Int64(lies.count - 1)))] = UInt8(random.number(0...255))
      }
    case .claimsOthers:
      let job = Int(random.number(0...Int64(weather.jobs)))
      let attempt = AttemptID(
        job: job, epoch: UInt64(random.number(0...4)), attempt: Int(random.number(0...3)))
      let kind: Assignment.Kind = random.chance(50) ? .merge : .readBack
      let digest = "xxh3:" + String(repeating: "2", count: 32)
      let outcome: Outcome =
        kind == .merge
        ? .merged(byteCount: 1, digest: digest, recordDigest: digest)
        : .readBack(byteCount: 1, digest: digest)
      lies = MessageCodec.encode(
        .result(TaskID(kind, attempt), outcome, credit: 2),
        Envelope(
          epoch: UInt64(random.number(0...4)), session: worker.life, sequence: random.next()))
    case .talksOfThePast: lies = worker.lastWords
    }
    counts.lies += 1
    travel(
      .toCoordinator(lies, worker: worker.index, life: worker.life, coordinator: connection),
      lies)
  }

  func say(
    _ message: CoordinatorMessage, _ envelope: Envelope, to id: WorkerID,
    from coordinator: SimulatedCoordinator
  ) {
    guard let worker = workers.first(where: { $0.life == id.life }),
      worker.connection == coordinator.number
    else { return }
    let bytes = MessageCodec.encode(message, envelope)
    travel(.toWorker(bytes, worker: worker.index, life: id.life), bytes)
  }

  private func travel(_ happening: Happening, _ bytes: [UInt8]) {
    mix(bytes)
    counts.messages += 1
    var copies = 1
    if !isHealed, random.chance(weather.lost) {
      copies = 0
      counts.lostMessages += 1
    } else if random.chance(weather.repeated) {
      copies = 2
      counts.repeatedMessages += 1
    }
    for _ in 0..<copies {
      agenda.put(happening, at: now + random.number(1...weather.delayMilliseconds))
    }
  }

  func arrive(
    _ bytes: [UInt8], from index: Int, life: UInt64, at number: Int, again: Happening
  ) {
    var coordinator = coordinators[number]
    if !coordinator.isAlive {
      // A socket of the same address, with what was on its way to the one before.
      guard let successor = listening, random.chance(weather.stale) else { return }
      counts.staleMessages += 1
      coordinator = successor
    }
    guard coordinator.pausedUntil <= now else {
      return agenda.put(again, at: coordinator.pausedUntil)
    }
    let worker = workers[index]
    guard worker.muteUntil <= now, worker.life == life else { return }
    if barredKeys.contains(worker.key) { return refuse(worker, coordinator) }
    let decoded: (WorkerMessage, Envelope)
    do throws(MessageError) { decoded = try MessageCodec.decodeWorker(bytes) } catch {
      counts.refusedMessages += 1
      return
    }
    let id = WorkerID(key: worker.key, life: decoded.1.session)
    watch.hears(decoded.0, decoded.1, from: id, by: coordinator.number)
    tell(coordinator, .message(decoded.0, decoded.1, from: id))
  }

  func arrive(_ bytes: [UInt8], at index: Int, life: UInt64, again: Happening) {
    let worker = workers[index]
    guard worker.isAlive, worker.life == life, worker.deafUntil <= now else { return }
    guard worker.pausedUntil <= now else { return agenda.put(again, at: worker.pausedUntil) }
    do throws(MessageError) {
      var (message, envelope) = try MessageCodec.decodeCoordinator(bytes)
      let epoch = envelope.epoch
      if sabotage == .obeysOldEpochs {
        envelope.epoch = max(envelope.epoch, watch.epoch(of: worker))
      }
      tell(worker, .message(message, envelope), under: epoch)
    } catch {
      watch.broken = "a coordinator's message does not decode: \(error.sentence)"
    }
  }

  /// A message of a key that was taken back: nobody hears it, and its sender is told to go.
  private func refuse(_ worker: SimulatedWorker, _ coordinator: SimulatedCoordinator) {
    tell(coordinator, .barred(key: worker.key, reason: "its key is no longer authorised"))
    let envelope = Envelope(epoch: coordinator.epoch, session: worker.life, sequence: 1)
    let bytes = MessageCodec.encode(.refuse(reason: "its key was withdrawn"), envelope)
    agenda.put(.toWorker(bytes, worker: worker.index, life: worker.life), at: now + 1)
  }

  // MARK: Connections

  func connect(_ index: Int, _ life: UInt64) {
    let worker = workers[index]
    guard worker.isAlive, worker.life == life, worker.connection == nil else { return }
    if listening != nil, barredKeys.contains(worker.key) {
      // The door is shut to it, and says so.
      note(5, index, "worker \(index) is refused")
      return kill(worker)
    }
    let isCut = worker.deafUntil > now || worker.muteUntil > now || worker.pausedUntil > now
    guard let coordinator = listening, !isCut else {
      return agenda.put(.connect(index, life: life), at: now + random.number(200...5_000))
    }
    worker.connection = coordinator.number
    worker.connectionCount += 1
    tell(worker, .connected)
  }

  func disconnect(_ index: Int, _ life: UInt64, _ connection: Int) {
    let worker = workers[index]
    guard worker.isAlive, worker.life == life, worker.connectionCount == connection,
      worker.connection != nil
    else { return }
    worker.connection = nil
    agenda.put(.connect(index, life: life), at: now + random.number(200...5_000))
    guard worker.pausedUntil <= now else { return }
    tell(worker, .disconnected)
  }

  /// A line breaks: both ends see it, sooner or later.
  func breakConnection(of worker: SimulatedWorker, within milliseconds: Int64) {
    guard let number = worker.connection else { return }
    let id = WorkerID(key: worker.key, life: worker.life)
    agenda.put(
      .disconnect(worker.index, life: worker.life, connection: worker.connectionCount),
      at: now + random.number(1...milliseconds))
    agenda.put(
      .unreachable(
        id, host: worker.host, processID: 0, coordinator: number),
      at: now + random.number(1...milliseconds))
  }

  /// A worker's process has ended: its coordinator sees that its connection did.
  func tellDisconnection(of worker: SimulatedWorker) {
    guard let number = worker.connection ?? listening?.number else { return }
    worker.connection = nil
    let id = WorkerID(key: worker.key, life: worker.life)
    agenda.put(
      .unreachable(
        id, host: worker.host, processID: weather.isLocal ? worker.processID : 0,
        coordinator: number), at: now + random.number(1...100))
  }

  func tellLoss(_ id: WorkerID, host: String, processID: Int, _ number: Int) {
    let coordinator = coordinators[number].isAlive ? coordinators[number] : listening
    guard let coordinator else { return }
    guard coordinator.pausedUntil <= now else {
      return agenda.put(
        .unreachable(id, host: host, processID: processID, coordinator: coordinator.number),
        at: coordinator.pausedUntil)
    }
    if processID > 0 {
      tell(coordinator, .workerGone(host: host, processID: processID))
    } else if coordinator.number == number {
      tell(coordinator, .unreachable(id))
    }
  }
}
