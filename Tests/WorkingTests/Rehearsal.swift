// A worker's machine with the coordinator played by the test.
import Messaging
import Planning
import Working

struct Rehearsal {
  typealias Directive = WorkerMachine.Directive

  var machine: WorkerMachine
  var now: Int64 = 0
  var epoch: UInt64 = 3
  private var sequence: UInt64 = 0

  /// `deadline`: when the process will be ended from outside.
  init(deadline: Int64? = nil) {
    machine = WorkerMachine(
      settings: WorkerSettings(
        host: "n1", processID: 77, threads: 2, memoryByteCount: 256_000_000, life: 42,
        deadline: deadline), now: 0)
  }

  /// A worker that was welcomed.
  static func joined(deadline: Int64? = nil) -> Rehearsal {
    var play = Rehearsal(deadline: deadline)
    play.welcome()
    return play
  }

  static let slice = PlanSlice(offset: 5, byteCount: 6, digest: "xxh3:slice")

  func attempt(_ job: Int, _ number: Int = 1) -> AttemptID {
    AttemptID(job: job, epoch: epoch, attempt: number)
  }

  func merge(_ job: Int, _ number: Int = 1, byteCount: Int64 = 10) -> Assignment {
    .merge(attempt(job, number), Self.slice, byteCount: byteCount)
  }

  func introduction(planDigest: String = "") -> Introduction {
    Introduction(
      host: "n1", processID: 77, threads: 2, memoryByteCount: 256_000_000, planDigest: planDigest)
  }

  @discardableResult
  mutating func on(_ event: WorkerMachine.Event) -> [Directive] { machine.on(event, now: now) }

  /// The coordinator says something.
  @discardableResult
  mutating func hear(
    _ message: CoordinatorMessage, epoch: UInt64? = nil, life: UInt64 = 42
  ) -> [Directive] {
    sequence += 1
    let envelope = Envelope(epoch: epoch ?? self.epoch, session: life, sequence: sequence)
    return on(.message(message, envelope))
  }

  @discardableResult
  mutating func welcome(epoch: UInt64? = nil, plan: String = "xxh3:plan") -> [Directive] {
    hear(
      .welcome(
        jobFolder: "/out.shardweld", planDigest: plan,
        leaseMilliseconds: 15_000), epoch: epoch)
  }

  @discardableResult
  mutating func assign(_ assignment: Assignment) -> [Directive] { hear(.assign(assignment)) }

  /// The merge thread has written the running task's shard.
  @discardableResult
  mutating func write(_ assignment: Assignment) -> [Directive] { on(.written(assignment.task)) }

  /// The merge thread is done with a task.
  @discardableResult
  mutating func end(
    _ assignment: Assignment, _ outcome: Outcome = .handedBack
  ) -> [Directive] {
    on(.ended(assignment.task, outcome))
  }

  @discardableResult
  mutating func advance(_ assignment: Assignment, to byteCount: Int64) -> [Directive] {
    on(.advanced(assignment.task, byteCount: byteCount))
  }

  /// Lets time pass in steps of 100 ms, with or without words from the coordinator.
  @discardableResult
  mutating func pass(_ milliseconds: Int64, heartbeats: Bool = false) -> [Directive] {
    var all: [Directive] = []
    for _ in 0..<(milliseconds / 100) {
      now += 100
      if heartbeats { all += hear(.heartbeat(periodMilliseconds: 1_000)) }
      all += on(.tick)
    }
    return all
  }
}

extension Outcome {
  static let good = Outcome.merged(byteCount: 10, digest: "xxh3:good", recordDigest: "xxh3:record")
}

extension WorkerMessage {
  /// A worker that holds nothing.
  static func idle(credit: Int) -> WorkerMessage {
    .progress(running: nil, byteCount: 0, held: [], credit: credit)
  }
}

extension [WorkerMachine.Directive] {
  /// What is said, in order.
  var said: [WorkerMessage] {
    compactMap { if case .send(let message, _) = $0 { message } else { nil } }
  }

  var hellos: Int { said.count { if case .hello = $0 { true } else { false } } }
  var goodbyes: Int { said.count { $0 == .goodbye } }
  /// How many more tasks are asked for, in order.
  var credits: [Int] {
    said.compactMap { message in
      switch message {
      case .progress(_, _, _, _, let credit), .result(_, _, let credit): credit
      case .hello, .goodbye: nil
      }
    }
  }
  /// What is told of the ends of tasks, in order.
  var results: [Outcome] {
    said.compactMap { if case .result(_, let outcome, _) = $0 { outcome } else { nil } }
  }
  var started: [Assignment] {
    compactMap { if case .start(let assignment, _) = $0 { assignment } else { nil } }
  }
  var exit: WorkerExit? {
    for case .exit(let exit) in self { return exit }
    return nil
  }
}
