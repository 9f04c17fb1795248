// A coordinator and its workers in one process, under one seed: the real machines, a virtual clock,
// a network that delays, drops, repeats and reorders, and a disk of promises kept in dictionaries
// (looked up by key alone, never walked, so that the seed decides everything).
import Coordination
import Messaging
import Planning
import Storage
import TestSupport
import Working

struct SimulatedCluster {
  enum Happening {
    case toCoordinator(WorkerMessage, Envelope, WorkerID, from: Int)
    case toWorker(CoordinatorMessage, Envelope, Int)
    case coordinatorTick(life: UInt64)
    case workerTick(Int, life: UInt64)
    case disk(CoordinatorMachine.Event, life: UInt64)
    case step(Int, life: UInt64, task: Int, byteCount: Int64)
    case taskEnd(Int, life: UInt64, task: Int, Outcome)
    case trouble(Weather.Trouble)
    case startWorker(Int)
    case startCoordinator
  }

  /// A finished attempt's file.
  struct Shard: Equatable {
    var digest: String
    var writer: WorkerID
  }

  let seed: UInt64
  var random: SeededGenerator
  let weather: Weather
  var agenda = Agenda<Happening>()
  var now: Int64 = 0
  var coordinator: CoordinatorMachine?
  var epoch: UInt64 = 0
  var end: CoordinatorMachine.End?
  var workers: [SimulatedWorker] = []
  var processCount = 0

  // The disk.
  var shards: [AttemptID: Shard] = [:]
  var commits: [Int: AttemptID] = [:]
  var isPublished = false
  // Troubles used up.
  var hasFailed: Set<Int> = []
  var isCorrupted: Set<Int> = []

  var watch = Watch()
  /// Numbers that tell two runs apart.
  var trace: [UInt64] = []
  /// Filled only where a run is told again after a failure.
  var story: [String]?

  init(seed: UInt64, tellsStory: Bool = false) {
    self.seed = seed
    random = SeededGenerator(seed: seed)
    weather = Weather(&random)
    if tellsStory { story = ["\(weather)"] }
    agenda.put(.startCoordinator, at: random.number(0...3_000))
    for index in 0..<weather.workers {
      workers.append(newLife(index))
      agenda.put(.startWorker(index), at: random.number(0...3_000))
    }
    for trouble in weather.troubles {
      agenda.put(.trouble(trouble), at: random.number(0...Weather.healed))
    }
  }

  /// Runs to the end; the first broken rule, or nil.
  mutating func run() -> String? {
    while let (time, happening) = agenda.takeFirst() {
      now = time
      guard time < 300_000 else { return "not over after 300 s" }
      happen(happening)
      if let broken = watch.broken { return "at \(now) ms: \(broken)" }
      if end != nil, workers.allSatisfy({ !$0.isAlive }) { return verdict() }
    }
    return "nothing more happens"
  }

  private func verdict() -> String? {
    guard end == .finished else { return "ended with \(end.map { "\($0)" } ?? "nothing")" }
    guard isPublished else { return "finished without publishing" }
    guard commits.count == weather.jobs else { return "\(commits.count) commits" }
    return nil
  }

  private mutating func happen(_ happening: Happening) {
    switch happening {
    case .toCoordinator(let message, let envelope, let id, let index):
      guard workers[index].cutOffUntil <= now else { return }
      watch.coordinatorHears(message, envelope, id)
      tellCoordinator(.message(message, envelope, from: id))
    case .toWorker(let message, let envelope, let index):
      guard workers[index].cutOffUntil <= now else { return }
      tellWorker(index, .message(message, envelope), again: happening)
    case .coordinatorTick(let life):
      guard life == epoch, coordinator != nil else { return }
      agenda.put(.coordinatorTick(life: life), at: now + 250)
      tellCoordinator(.tick)
    case .workerTick(let index, let life):
      guard workers[index].life == life, workers[index].isAlive else { return }
      agenda.put(happening, at: max(now, workers[index].pausedUntil) + 250)
      tellWorker(index, .tick, again: nil)
    case .disk(let event, let life):
      guard life == epoch, coordinator != nil else { return }
      if case .committed(let attempt) = event, commits[attempt.job] != attempt { store(attempt) }
      if event == .published { isPublished = true }
      tellCoordinator(event)
    case .step(let index, let life, let number, let byteCount):
      guard let task = currentTask(index, life, number) else { return }
      let attempt = task.assignment.attempt
      tellWorker(
        index, .advanced(task.assignment.kind, attempt, byteCount: byteCount), again: happening)
    case .taskEnd(let index, let life, let number, let outcome):
      endTask(index, life, number, outcome, again: happening)
    case .trouble(let trouble): befall(trouble)
    case .startWorker(let index): startWorker(index)
    case .startCoordinator: startCoordinator()
    }
  }

  // MARK: The coordinator

  private mutating func startCoordinator() {
    epoch += 1
    var settings = CoordinatorSettings(epoch: epoch, jobFolder: "/job", planDigest: "xxh3:plan")
    settings.readsBack = weather.readsBack
    let jobs = (0..<weather.jobs).map { job in
      JobFacts(
        id: job, shardName: "shard-\(job)", byteCount: Int64(1 + job % 5) * 1_000,
        slice: PlanSlice(offset: 0, byteCount: 1, digest: "d"), isCommitted: commits[job] != nil)
    }
    watch.coordinatorStarts()
    coordinator = CoordinatorMachine(settings: settings, jobs: jobs)
    agenda.put(.coordinatorTick(life: epoch), at: now)
  }

  mutating func tellCoordinator(_ event: CoordinatorMachine.Event) {
    guard let directives = coordinator?.on(event, now: now) else { return }
    note(1, UInt64(directives.count), "coordinator: \(event) → \(directives)")
    for directive in directives { carryOut(directive) }
  }

  private mutating func carryOut(_ directive: CoordinatorMachine.Directive) {
    switch directive {
    case .send(let message, let envelope, let id):
      watch.coordinatorSays(message, to: id)
      guard let index = workers.firstIndex(where: { $0.life == id.life }) else { return }
      travel(.toWorker(message, envelope, index))
    case .check(let attempt, _, let digest, _):
      let isThere = shards[attempt] != nil
      if !isThere { watch.broken = "\(attempt) claimed with \(digest) but not written" }
      onDisk(.checked(attempt))
    case .commit(let attempt, _):
      // Durable now or only with the answer: the coordinator may die in between.
      if random.chance(50) { store(attempt) }
      onDisk(.committed(attempt))
    case .discard(let attempt): shards[attempt] = nil
    case .publish: onDisk(.published)
    case .note(let note): watch.history(note)
    case .end(let end):
      self.end = end
      coordinator = nil
    }
  }

  private mutating func onDisk(_ answer: CoordinatorMachine.Event) {
    agenda.put(.disk(answer, life: epoch), at: now + random.number(1...300))
  }

  /// Creates the commit record; the shard must be there, whole and right.
  mutating func store(_ attempt: AttemptID) {
    if let earlier = commits[attempt.job] {
      watch.broken = "\(attempt) committed after \(earlier)"
    }
    if shards[attempt]?.digest != Self.digest(attempt.job) {
      watch.broken = "\(attempt) committed with \(shards[attempt]?.digest ?? "no file")"
    }
    commits[attempt.job] = attempt
  }

  /// What every good attempt at a job holds.
  static func digest(_ job: Int) -> String { "xxh3:\(job)" }

  // MARK: The network

  mutating func travel(_ happening: Happening) {
    var copies = random.chance(weather.lost) && now < Weather.healed ? 0 : 1
    if copies == 1, random.chance(weather.repeated) { copies = 2 }
    for _ in 0..<copies {
      agenda.put(happening, at: now + random.number(1...weather.delayMax))
    }
  }

  mutating func note(_ kind: UInt64, _ number: UInt64, _ text: @autoclosure () -> String) {
    trace.append(UInt64(now) << 20 | kind << 16 | number)
    story?.append("\(now) \(text())")
  }
}
