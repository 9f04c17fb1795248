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

  init() {
    machine = WorkerMachine(
      settings: WorkerSettings(host: "n1", processID: 77, threads: 2, life: 42), now: 0)
  }

  static let slice = PlanSlice(offset: 5, byteCount: 6, digest: "xxh3:slice")

  func attempt(_ job: Int, _ number: Int = 1) -> AttemptID {
    AttemptID(job: job, epoch: epoch, attempt: number)
  }

  func merge(_ job: Int, _ number: Int = 1) -> Assignment {
    .merge(attempt(job, number), Self.slice)
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
        jobFolder: "/out.shardweld", planDigest: plan, heartbeatMilliseconds: 1_000,
        leaseMilliseconds: 15_000), epoch: epoch)
  }

  @discardableResult
  mutating func end(
    _ assignment: Assignment, _ outcome: Outcome = .handedBack
  ) -> [Directive] {
    on(.ended(assignment.kind, assignment.attempt, outcome))
  }

  @discardableResult
  mutating func tick(after milliseconds: Int64) -> [Directive] {
    now += milliseconds
    return on(.tick)
  }

  /// Lets time pass in steps of 100 ms, with or without words from the coordinator.
  @discardableResult
  mutating func pass(_ milliseconds: Int64, heartbeats: Bool = false) -> [Directive] {
    var all: [Directive] = []
    for _ in 0..<(milliseconds / 100) {
      now += 100
      if heartbeats { all += hear(.heartbeat) }
      all += on(.tick)
    }
    return all
  }
}

extension Outcome {
  static let good = Outcome.merged(byteCount: 10, digest: "xxh3:good", recordDigest: "xxh3:record")
}

extension [WorkerMachine.Directive] {
  /// What is said, in order.
  var said: [WorkerMessage] {
    compactMap { if case .send(let message, _) = $0 { message } else { nil } }
  }

  var hellos: Int { said.count { if case .hello = $0 { true } else { false } } }
  var goodbyes: Int { said.count { $0 == .goodbye } }
  var credits: [Int] {
    said.compactMap { if case .credit(let count) = $0 { count } else { nil } }
  }
  var results: [WorkerMessage] {
    said.filter { if case .result = $0 { true } else { false } }
  }
  var started: [Assignment] {
    compactMap { if case .start(let assignment, _) = $0 { assignment } else { nil } }
  }
  var exit: WorkerExit? {
    for case .exit(let exit) in self { return exit }
    return nil
  }
}
