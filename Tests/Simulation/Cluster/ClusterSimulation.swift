// Coordinators and workers in one process, under one seed: the real machines, the real ledger and
// publication on a simulated disk, a virtual clock, and a network that delays, drops, repeats and
// reorders. Chaos first; then everything heals, and the merge must come to its end.
//
// Nothing here is hashed and walked, and nothing knows the real time: a seed decides everything.
import Coordination
import Ledger
import Messaging
import Planning
import Storage
import TestSupport
import Working

/// One run of a simulated cluster.
package final class ClusterSimulation {
  enum Happening {
    case toCoordinator([UInt8], worker: Int, life: UInt64, coordinator: Int)
    case toWorker([UInt8], worker: Int, life: UInt64)
    case coordinatorTick(Int)
    case beat(Int)
    case order(DiskOrder, coordinator: Int)
    case workerTick(Int, life: UInt64)
    case step(Int, life: UInt64, task: Int, byteCount: Int64)
    case carryOut(Int, life: UInt64, task: Int)
    case taskEnd(Int, life: UInt64, task: Int)
    case flushEnd(Int, life: UInt64, task: Int)
    case connect(Int, life: UInt64)
    case disconnect(Int, life: UInt64, connection: Int)
    case unreachable(WorkerID, host: String, processID: Int, coordinator: Int)
    case trouble(Trouble)
    case heal
    case startWorker(Int)
    case startCoordinator(takesOver: Bool)
  }

  let seed: UInt64
  let weather: Weather
  let sabotage: Sabotage?
  let merge: SmallMerge
  let disk: SimulatedDisk
  package let watch: ClusterWatch
  var random: SeededGenerator
  var agenda = Agenda<Happening>()
  var now: Int64 = 0
  var coordinators: [SimulatedCoordinator] = []
  var workers: [SimulatedWorker] = []
  var processCount = 0
  var barredKeys: [String] = []
  /// True once an output stands and its coordinator has ended well.
  var isFinished = false
  var restarts = 0
  /// When the processes that rest want to go on, the lowest first.
  private var restEnds: [Int64] = []
  /// Where a coordinator ran last.
  var lastHost = "c0"
  /// Happenings so far: the steps at which a run can be broken off.
  package private(set) var stepCount = 0
  /// Steps before which something had just happened: the moments at which a blow makes a difference.
  package private(set) var eventfulSteps: [Int] = []
  private var eventCount = 0
  /// Called before a step, with its number.
  package var onStep: ((Int) -> Void)?
  /// Numbers that tell two runs apart.
  private var trace = Trace()
  /// Where a run is told as it goes, to understand a failure.
  package let teller: ((String) -> Void)?
  package var counts = SimulationCounts()

  /// `stage` lends the disk with the inputs on it.
  package init(
    seed: UInt64, weather fixed: Weather? = nil, sabotage: Sabotage? = nil, stage: Stage,
    teller: ((String) -> Void)? = nil
  ) {
    self.seed = seed
    self.sabotage = sabotage
    self.teller = teller
    random = SeededGenerator(seed: seed)
    var drawn = Weather(&random)
    if sabotage == .obeysOldEpochs { drawn.letTwoSpeak() }
    weather = fixed ?? drawn
    merge = stage.merge(weather.jobs)
    disk = stage.disk(weather, seed: random.next())
    watch = ClusterWatch(merge, expected: stage.expected(weather.jobs), weather: weather)
    teller?("\(weather)")
    disk.onOperation = { [unowned self] operation in watch.look(at: disk, after: operation) }
    disk.onPause = { [unowned self] _, milliseconds in rest(milliseconds) }
    if sabotage == .skipsFlush {
      disk.faults.append(DiskFault(.lies, isLasting: true, kind: .flush, pathPart: "commit/"))
      disk.faults.append(DiskFault(.lies, isLasting: true, kind: .flush, pathPart: "attempt/"))
    }
    disk.faultChance = weather.faultChance
    agenda.put(.startCoordinator(takesOver: false), at: random.number(0...3_000))
    for index in 0..<weather.workers {
      workers.append(newWorker(index))
      agenda.put(.startWorker(index), at: random.number(0...3_000))
    }
    for trouble in weather.troubles {
      agenda.put(.trouble(trouble), at: random.number(0...Weather.healed))
    }
    agenda.put(.heal, at: Weather.healed)
  }

  /// Runs to the end; the first broken rule, or nil.
  package func run() -> String? {
    // Files of the dead are closed when all of this goes.
    defer { disk.onOperation = nil }
    while let (time, happening) = agenda.takeFirst() {
      guard time < Weather.bound else { return "not over after \(Weather.bound / 1000) s" }
      advance(to: time, happening)
      if let broken = watch.broken { return "at \(now) ms: \(broken)" }
      if isFinished { return verdict() }
    }
    return "nothing more happens"
  }

  /// Equal exactly for equal runs.
  package var traceDigest: UInt64 { trace.digest ^ disk.traceDigest }

  private func verdict() -> String? {
    disk.onOperation = nil
    return watch.verdict(on: disk)
  }

  // MARK: Time

  private func advance(to time: Int64, _ happening: Happening) {
    stepCount += 1
    onStep?(stepCount)
    disk.milliseconds += max(0, time - now)
    now = max(now, time)
    let before = eventCount + disk.operationCount
    happen(happening)
    if eventCount + disk.operationCount > before { eventfulSteps.append(stepCount + 1) }
  }

  /// A process rests: the others go on meanwhile.
  ///
  /// One that begins to rest meanwhile lies on top of it and must be up first; see `isOverdue`.
  private func rest(_ milliseconds: Int) {
    let end = now + Int64(milliseconds)
    restEnds.append(end)
    defer { restEnds.removeLast() }
    while let time = agenda.firstTime, time <= end, watch.broken == nil,
      let (time, happening) = agenda.takeFirst()
    {
      advance(to: time, happening)
    }
    disk.milliseconds += max(0, end - now)
    now = max(now, end)
  }

  private func happen(_ happening: Happening) {
    switch happening {
    case .toCoordinator(let bytes, let worker, let life, let coordinator):
      arrive(bytes, from: worker, life: life, at: coordinator, again: happening)
    case .toWorker(let bytes, let worker, let life):
      arrive(bytes, at: worker, life: life, again: happening)
    case .coordinatorTick(let number): tickCoordinator(number)
    case .beat(let number): beat(number)
    case .order(let order, let number): carryOut(order, number, again: happening)
    case .workerTick(let index, let life): tickWorker(index, life)
    case .step(let index, let life, let task, let byteCount):
      step(index, life, task, byteCount, again: happening)
    case .carryOut(let index, let life, let task): carryOut(index, life, task, again: happening)
    case .taskEnd(let index, let life, let task): endTask(index, life, task, again: happening)
    case .flushEnd(let index, let life, let task): endFlush(index, life, task, again: happening)
    case .connect(let index, let life): connect(index, life)
    case .disconnect(let index, let life, let connection): disconnect(index, life, connection)
    case .unreachable(let id, let host, let processID, let number):
      tellLoss(id, host: host, processID: processID, number)
    case .trouble(let trouble): befall(trouble)
    case .heal: heal()
    case .startWorker(let index): startWorker(index)
    case .startCoordinator(let takesOver): startCoordinator(takesOver: takesOver)
    }
  }

  /// True while a process should be up and lies below one that still rests. No coordinator starts
  /// then: with always another one that waits for the lock it would never get up.
  var isOverdue: Bool { restEnds.contains { $0 < now } }

  var isHealed: Bool { now >= Weather.healed }

  /// Adds to the trace; a number whose last byte is 0 stands for nothing done.
  func note(_ kind: UInt64, _ number: Int, _ text: @autoclosure () -> String) {
    if number & 0xFF != 0 { eventCount += 1 }
    trace.add(UInt64(now) << 20 | kind << 16 | UInt64(number & 0xFFFF))
    if let teller { teller("\(now) \(text())") }
  }

  func mix(_ bytes: [UInt8]) {
    for byte in bytes { trace.add(UInt64(byte)) }
  }
}

/// A digest of numbers in their order.
struct Trace {
  private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ word: UInt64) {
    digest = (digest ^ word) &* 0x0000_0100_0000_01B3
    digest ^= digest >> 29
  }
}
