// The real machines of a coordinator and its workers under a virtual clock, with nothing wrong but
// that some workers are slower than others: what a slow one costs. Words take a millisecond, tasks
// take as long as their bytes at their worker's speed, the disk answers after a moment.
import Coordination
import Messaging
import Planning
import Simulation
import Working

/// A run with workers of different speeds.
struct SlowCluster {
  private enum Happening {
    case toCoordinator(CoordinatorMachine.Event)
    case toWorker(Int, WorkerMachine.Event)
    case ends(Int, TaskID)
    case tick
  }

  private struct Work {
    var task: TaskID
    var begun: Int64
    var ends: Int64
    var byteCount: Int64
    var isHalted = false
  }

  /// Bytes that a worker of speed 1 merges in a millisecond.
  static let speed = 1_000
  private static let tickMilliseconds: Int64 = 200
  private static let wayMilliseconds: Int64 = 1
  private static let diskMilliseconds: Int64 = 5

  let sizes: [Int64]
  let speeds: [Double]
  /// How much faster a shard is read than merged; nil where none is read back.
  let readSpeed: Double?

  private var coordinator: CoordinatorMachine
  private var workers: [WorkerMachine] = []
  private var work: [Work?]
  private var agenda = Agenda<Happening>()
  private var now: Int64 = 0
  private var published: Int64?
  /// Bytes of merges begun, each as often as it was begun.
  private(set) var begunByteCount: Int64 = 0
  private(set) var copyCount = 0

  /// `byteCounts`: of the jobs.
  init(_ byteCounts: [Int64], speeds: [Double], readSpeed: Double? = nil) {
    sizes = byteCounts
    self.speeds = speeds
    self.readSpeed = readSpeed
    var settings = CoordinatorSettings(
      epoch: 1, jobFolder: "/out.shardweld", planDigest: "xxh3:plan")
    settings.readsBack = readSpeed != nil
    let slice = PlanSlice(offset: 0, byteCount: 1, digest: "xxh3:slice")
    coordinator = CoordinatorMachine(
      settings: settings,
      jobs: byteCounts.enumerated().map { id, byteCount in
        JobFacts(id: id, shardName: "shard-\(id)", byteCount: byteCount, slice: slice)
      }, now: 0)
    work = speeds.map { _ in nil }
    workers = speeds.indices.map { number in
      WorkerMachine(
        settings: WorkerSettings(
          host: "n\(number)", processID: 100 + number, threads: 1, memoryByteCount: 1 << 30,
          life: UInt64(number + 1)), now: 0)
    }
  }

  /// The makespan where all workers were busy to the end and nothing was done twice.
  var idealMilliseconds: Double {
    let bytes = Double(sizes.reduce(0, +)) * (1 + (readSpeed.map { 1 / $0 } ?? 0))
    return bytes / (speeds.reduce(0, +) * Double(Self.speed))
  }

  /// Bytes given out twice, as a part of all.
  var doubledPart: Double {
    let all = sizes.reduce(0, +)
    return Double(begunByteCount - all) / Double(all)
  }

  /// Runs until all is committed; nil where that takes more than a virtual day.
  mutating func makespan() -> Int64? {
    for number in workers.indices { later(0, .toWorker(number, .connected)) }
    later(0, .tick)
    while published == nil, now < 86_400_000 { step() }
    return published
  }

  // MARK: Happenings

  private mutating func later(_ delay: Int64, _ what: Happening) {
    agenda.put(what, at: now + delay)
  }

  private mutating func step() {
    guard let (time, next) = agenda.takeFirst() else { return }
    now = time
    switch next {
    case .toCoordinator(let event): tellCoordinator(event)
    case .toWorker(let number, let event): tell(number, event)
    case .ends(let number, let task): end(number, task)
    case .tick:
      for number in workers.indices {
        if let work = work[number], !work.isHalted { tell(number, advance(work)) }
        tell(number, .tick)
      }
      tellCoordinator(.tick)
      later(Self.tickMilliseconds, .tick)
    }
  }

  private func advance(_ work: Work) -> WorkerMachine.Event {
    let part = Double(now - work.begun) / Double(max(1, work.ends - work.begun))
    return .advanced(work.task, byteCount: Int64(Double(work.byteCount) * min(1, part)))
  }

  private mutating func tellCoordinator(_ event: CoordinatorMachine.Event) {
    for directive in coordinator.on(event, now: now) {
      switch directive {
      case .send(let message, let envelope, let id):
        later(Self.wayMilliseconds, .toWorker(Int(id.life) - 1, .message(message, envelope)))
      case .check(let attempt, _, _, _):
        later(Self.diskMilliseconds, .toCoordinator(.checked(attempt)))
      case .commit(let attempt, _):
        later(Self.diskMilliseconds, .toCoordinator(.committed(attempt)))
      case .publish: published = now
      case .note(let note): if note.kind == .copied { copyCount += 1 }
      case .revoke, .discard, .end: break
      }
    }
  }

  private mutating func tell(_ number: Int, _ event: WorkerMachine.Event) {
    for directive in workers[number].on(event, now: now) {
      switch directive {
      case .send(let message, let envelope):
        let id = WorkerID(key: "worker", life: UInt64(number + 1))
        later(Self.wayMilliseconds, .toCoordinator(.message(message, envelope, from: id)))
      case .start(let assignment, _): begin(number, assignment)
      case .halt:
        guard let halted = work[number] else { continue }
        work[number]?.isHalted = true
        later(Self.wayMilliseconds, .ends(number, halted.task))
      case .exit: break
      }
    }
  }

  private mutating func begin(_ number: Int, _ assignment: Assignment) {
    let byteCount = sizes[assignment.attempt.job]
    var rate = speeds[number] * Double(Self.speed)
    if assignment.kind == .merge { begunByteCount += byteCount } else { rate *= readSpeed ?? 1 }
    let length = max(1, Int64(Double(byteCount) / rate))
    work[number] = Work(
      task: assignment.task, begun: now, ends: now + length, byteCount: byteCount)
    later(length, .ends(number, assignment.task))
  }

  /// The end of a task; of one that was halted before, nobody waits for the second.
  private mutating func end(_ number: Int, _ task: TaskID) {
    guard let ended = work[number], ended.task == task else { return }
    work[number] = nil
    let byteCount = ended.byteCount
    let outcome: Outcome =
      if ended.isHalted {
        .handedBack
      } else if task.kind == .merge {
        .merged(byteCount: byteCount, digest: "xxh3:good", recordDigest: "xxh3:record")
      } else {
        .readBack(byteCount: byteCount, digest: "xxh3:good")
      }
    tell(number, .ended(task, outcome))
  }
}
