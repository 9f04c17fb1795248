// The workers' side: their processes, what the machine orders, and what the merge thread does.
import Messaging
import Planning
import Storage
import Working

extension ClusterSimulation {
  func newWorker(_ index: Int) -> SimulatedWorker {
    processCount += 1
    let host = "h\(index % weather.hosts)"
    let worker = SimulatedWorker(
      index: index, host: host, lie: weather.liars[index],
      memoryByteCount: weather.memory[index], key: key(index), life: random.next() | 1,
      process: disk.process(host: host, processID: processCount), now: now)
    worker.hasExited = true  // until it is started
    return worker
  }

  private func key(_ index: Int) -> String {
    // A key that was barred stays so: whoever runs the worker gives it another.
    var key = "key\(index)"
    while barredKeys.contains(key) { key += "'" }
    return key
  }

  func startWorker(_ index: Int) {
    guard !workers[index].isAlive, !isFinished else { return }
    let connectionCount = workers[index].connectionCount
    workers[index] = newWorker(index)
    let worker = workers[index]
    worker.hasExited = false
    worker.connectionCount = connectionCount
    watch.workerStarts(worker)
    agenda.put(.workerTick(index, life: worker.life), at: now)
    agenda.put(.connect(index, life: worker.life), at: now + random.number(1...200))
  }

  func tickWorker(_ index: Int, _ life: UInt64) {
    let worker = workers[index]
    guard worker.life == life, worker.isAlive else { return }
    agenda.put(.workerTick(index, life: life), at: max(now, worker.pausedUntil) + 250)
    guard worker.pausedUntil <= now else { return }
    tell(worker, .tick)
  }

  /// `under`: the epoch that a message was really said under.
  func tell(_ worker: SimulatedWorker, _ event: WorkerMachine.Event, under epoch: UInt64? = nil) {
    guard worker.isAlive else { return }
    let directives = worker.machine.on(event, now: now)
    note(
      4, worker.index << 8 | directives.count, "worker \(worker.index): \(event) → \(directives)")
    watch.told(worker, event, directives, under: epoch)
    for directive in directives { carryOut(directive, worker) }
  }

  private func carryOut(_ directive: WorkerMachine.Directive, _ worker: SimulatedWorker) {
    switch directive {
    case .send(let message, let envelope): say(message, envelope, from: worker)
    case .start(let assignment, _): begin(assignment, worker)
    case .halt:
      guard let task = worker.task else {
        watch.broken = "worker \(worker.index) halts nothing"
        return
      }
      worker.task?.isHalted = true
      agenda.put(
        .taskEnd(worker.index, life: worker.life, task: task.number),
        at: now + random.number(1...400))
    case .exit(let reason):
      note(5, worker.index, "worker \(worker.index) exits: \(reason)")
      watch.exits(worker, reason)
      worker.hasExited = true
      disk.kill(worker.process)
      tellDisconnection(of: worker)
      // Who left early, with work still to do, is started again as a scheduler would.
      agenda.put(.startWorker(worker.index), at: now + random.number(100...5_000))
    }
  }

  // MARK: The merge thread

  private func begin(_ assignment: Assignment, _ worker: SimulatedWorker) {
    if let task = worker.task {
      watch.broken = "worker \(worker.index) starts \(assignment) beside \(task.assignment)"
    }
    worker.taskCount += 1
    let number = worker.taskCount
    let life = worker.life
    worker.task = SimulatedWorker.Task(assignment: assignment, number: number)
    let byteCount = merge.plan.jobs[assignment.attempt.job].byteCount
    let steps = random.number(1...4)
    let pace = random.number(1...weather.paceMilliseconds) * worker.slowness
    for step in 1...steps {
      agenda.put(
        .step(worker.index, life: life, task: number, byteCount: byteCount * step / steps),
        at: now + pace * step)
    }
    let end = now + pace * steps
    agenda.put(
      .carryOut(worker.index, life: life, task: number), at: random.number(now...end))
    agenda.put(.taskEnd(worker.index, life: life, task: number), at: end + 1)
  }

  private func current(_ index: Int, _ life: UInt64, _ number: Int) -> SimulatedWorker? {
    let worker = workers[index]
    return worker.isAlive && worker.life == life && worker.task?.number == number ? worker : nil
  }

  /// A stopped process goes on later, a hung one as well.
  private func isHeld(_ worker: SimulatedWorker, _ again: Happening) -> Bool {
    let until = max(worker.pausedUntil, worker.hungUntil)
    guard until > now else { return false }
    agenda.put(again, at: until)
    return true
  }

  func step(
    _ index: Int, _ life: UInt64, _ number: Int, _ byteCount: Int64, again: Happening
  ) {
    guard let worker = current(index, life, number), let task = worker.task else { return }
    guard !isHeld(worker, again) else { return }
    tell(worker, .advanced(task.assignment.task, byteCount: byteCount))
  }

  /// Writes or reads the files, at some moment between a task's begin and its end.
  func carryOut(_ index: Int, _ life: UInt64, _ number: Int, again: Happening) {
    guard let worker = current(index, life, number), let task = worker.task else { return }
    guard !isHeld(worker, again), task.outcome == nil else { return }
    let lie = isHealed ? nil : worker.lie
    if case .readBack(let attempt) = task.assignment { watch.reads(attempt) }
    let outcome = worker.process.run { () -> Outcome in
      switch task.assignment {
      case .merge(let attempt, _, _): self.merge(attempt, worker, lie)
      case .readBack(let attempt): readBack(attempt, lie)
      }
    }
    if worker.process.isDead { return died(worker) }
    worker.task?.outcome = outcome
  }

  private func merge(_ attempt: AttemptID, _ worker: SimulatedWorker, _ lie: Lie?) -> Outcome {
    do throws(SmallMerge.AttemptFault) {
      let record = try merge.writeAttempt(
        attempt, host: worker.host, processID: worker.processID,
        isWrong: lie == .computesWrongly)
      let claimed = lie == .claimsWrongly ? "xxh3:" + String(repeating: "0", count: 32) : nil
      return .merged(
        byteCount: record.byteCount, digest: claimed ?? record.digest,
        recordDigest: Digest.xxh3(record.encode()).description)
    } catch {
      return .failed(error.failure)
    }
  }

  private func readBack(_ attempt: AttemptID, _ lie: Lie?) -> Outcome {
    do throws(SmallMerge.AttemptFault) {
      let (byteCount, digest) = try merge.digest(attempt)
      guard lie != .misreads else {
        return .readBack(byteCount: byteCount, digest: "xxh3:" + String(repeating: "1", count: 32))
      }
      return .readBack(byteCount: byteCount, digest: digest)
    } catch {
      return .failed(error.failure)
    }
  }

  func endTask(_ index: Int, _ life: UInt64, _ number: Int, again: Happening) {
    guard let worker = current(index, life, number), let task = worker.task else { return }
    guard worker.pausedUntil <= now else { return agenda.put(again, at: worker.pausedUntil) }
    guard task.isHalted || worker.hungUntil <= now else {
      return agenda.put(again, at: worker.hungUntil)
    }
    guard let outcome = task.isHalted ? task.outcome ?? .handedBack : task.outcome else {
      return agenda.put(again, at: now + 10)  // its files wait for it still
    }
    if case .merged = outcome {
      // One shard is flushed at a time: who writes faster than that waits.
      guard worker.flush == nil else { return agenda.put(again, at: now + 10) }
      worker.task = nil
      worker.flush = task
      agenda.put(
        .flushEnd(index, life: life, task: number),
        at: now + random.number(1...weather.paceMilliseconds))
      return tell(worker, .written(task.assignment.task))
    }
    worker.task = nil
    if task.isHalted, outcome == .handedBack, task.assignment.kind == .merge {
      // What a halted merge has begun it removes.
      let attempt = task.assignment.attempt
      worker.process.run {
        do throws(StorageError) { try Folder.removeTree(merge.folder.shard(attempt)) } catch {}
      }
      if worker.process.isDead { return died(worker) }
    }
    watch.ends(worker, task.assignment, outcome)
    tell(worker, .ended(task.assignment.task, outcome))
  }

  func endFlush(_ index: Int, _ life: UInt64, _ number: Int, again: Happening) {
    let worker = workers[index]
    guard worker.isAlive, worker.life == life, let task = worker.flush, task.number == number,
      let outcome = task.outcome
    else { return }
    guard !isHeld(worker, again) else { return }
    worker.flush = nil
    watch.ends(worker, task.assignment, outcome)
    tell(worker, .ended(task.assignment.task, outcome))
  }

  // MARK: Deaths

  func kill(_ worker: SimulatedWorker) {
    guard worker.isAlive else { return }
    disk.kill(worker.process)
    died(worker)
  }

  /// A worker's process is found dead.
  func died(_ worker: SimulatedWorker) {
    guard !worker.hasExited else { return }
    worker.hasExited = true
    watch.dies(worker)
    tellDisconnection(of: worker)
    agenda.put(.startWorker(worker.index), at: now + random.number(100...5_000))
  }
}

extension SmallMerge.AttemptFault {
  /// As a worker would tell it.
  var failure: TaskFailure {
    switch self {
    case .storage(.noSpace(let path, _)): TaskFailure(.noSpace, "no space left for \(path)")
    default: TaskFailure(.storage, "\(self)")
    }
  }
}
