import Coordination
import Messaging
import Planning
import TestSupport
import Working

extension SimulatedCluster {
  mutating func newLife(_ index: Int) -> SimulatedWorker {
    processCount += 1
    let life = random.next()
    let settings = WorkerSettings(
      host: "host", processID: processCount, threads: 1, life: life)
    return SimulatedWorker(
      key: "key\(index)", machine: WorkerMachine(settings: settings, now: now), life: life,
      processID: processCount)
  }

  mutating func startWorker(_ index: Int) {
    workers[index] = newLife(index)
    agenda.put(.workerTick(index, life: workers[index].life), at: now)
  }

  /// A stopped process hears when it goes on; a dead one never.
  mutating func tellWorker(_ index: Int, _ event: WorkerMachine.Event, again: Happening?) {
    guard workers[index].isAlive else { return }
    guard workers[index].pausedUntil <= now else {
      if let again { agenda.put(again, at: workers[index].pausedUntil) }
      return
    }
    if case .message(_, let envelope) = event, envelope.session != workers[index].life { return }
    let directives = workers[index].machine.on(event, now: now)
    note(2 + UInt64(index), UInt64(directives.count), "worker \(index): \(event) → \(directives)")
    for directive in directives { carryOut(directive, index) }
  }

  private mutating func carryOut(_ directive: WorkerMachine.Directive, _ index: Int) {
    let worker = workers[index]
    switch directive {
    case .send(let message, let envelope):
      let id = WorkerIdentity.of(worker)
      travel(.toCoordinator(message, envelope, id, from: index))
    case .start(let assignment, _): begin(assignment, index)
    case .halt:
      guard let task = worker.task else {
        watch.broken = "worker \(index) halts nothing"
        return
      }
      workers[index].task?.isHalted = true
      agenda.put(
        .taskEnd(index, life: worker.life, task: task.number, .handedBack),
        at: now + random.number(1...400))
    case .exit(let reason):
      workers[index].exit = reason
      workers[index].isAlive = false
      // Who left early, with work still to do, is started again as a scheduler would.
      let isEarly = end == nil && (reason != .dismissed)
      if isEarly { agenda.put(.startWorker(index), at: now + random.number(100...5_000)) }
    }
  }

  private mutating func begin(_ assignment: Assignment, _ index: Int) {
    if let task = workers[index].task {
      watch.broken = "worker \(index) starts \(assignment) beside \(task.assignment)"
    }
    workers[index].taskCount += 1
    let number = workers[index].taskCount
    let life = workers[index].life
    workers[index].task = SimulatedWorker.Task(assignment: assignment, number: number)
    let cost = Int64(1 + assignment.attempt.job % 5) * 1_000
    let steps = random.number(1...4)
    let pace = random.number(100...1_500)
    for step in 1...steps {
      agenda.put(
        .step(index, life: life, task: number, byteCount: cost * step / steps),
        at: now + pace * step)
    }
    agenda.put(
      .taskEnd(index, life: life, task: number, outcome(of: assignment, cost: cost)),
      at: now + pace * steps + 1)
  }

  private mutating func outcome(of assignment: Assignment, cost: Int64) -> Outcome {
    let job = assignment.attempt.job
    switch assignment {
    case .merge:
      if random.chance(weather.failing), hasFailed.insert(job).inserted {
        return .failed(reason: "the device says no", isFinal: false, noSpace: false)
      }
      return .merged(byteCount: cost, digest: Self.digest(job), recordDigest: "xxh3:record")
    case .readBack(let attempt):
      // Read when it ends, from what is there then; see `endTask`.
      return .readBack(byteCount: cost, digest: shards[attempt]?.digest ?? "xxh3:none")
    }
  }

  func currentTask(_ index: Int, _ life: UInt64, _ number: Int) -> SimulatedWorker.Task? {
    let worker = workers[index]
    guard worker.isAlive, worker.life == life, worker.task?.number == number else {
      return nil
    }
    return worker.task
  }

  mutating func endTask(
    _ index: Int, _ life: UInt64, _ number: Int, _ outcome: Outcome, again: Happening
  ) {
    guard let task = currentTask(index, life, number) else { return }
    guard workers[index].pausedUntil <= now else {
      return agenda.put(again, at: workers[index].pausedUntil)
    }
    workers[index].task = nil
    let attempt = task.assignment.attempt
    if case .merged = outcome {
      let isWrong = random.chance(weather.corrupt) && isCorrupted.insert(attempt.job).inserted
      shards[attempt] = Shard(
        digest: isWrong ? "xxh3:wrong" : Self.digest(attempt.job),
        writer: WorkerIdentity.of(workers[index]))
    }
    tellWorker(index, .ended(task.assignment.kind, attempt, outcome), again: nil)
  }

  // MARK: Troubles

  mutating func befall(_ trouble: Weather.Trouble) {
    let index = Int(random.number(0...Int64(workers.count - 1)))
    guard end == nil else { return }
    note(15, UInt64(index), "\(trouble) \(index)")
    let worker = workers[index]
    switch trouble {
    case .killWorker, .killWorkerUnseen:
      guard worker.isAlive else { return }
      workers[index].isAlive = false
      agenda.put(.startWorker(index), at: now + random.number(100...5_000))
      if trouble == .killWorker {
        tellCoordinator(.workerGone(host: "host", processID: worker.processID))
      }
    case .pauseWorker: workers[index].pausedUntil = now + random.number(1_000...40_000)
    case .cutOffWorker: workers[index].cutOffUntil = now + random.number(1_000...40_000)
    case .terminateWorker: tellWorker(index, .terminate, again: nil)
    case .killCoordinator:
      guard coordinator != nil else { return }
      coordinator = nil
      agenda.put(.startCoordinator, at: now + random.number(100...20_000))
    }
  }
}
