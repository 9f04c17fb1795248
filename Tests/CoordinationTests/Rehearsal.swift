// A coordinator's machine with workers played by the test: say something, look at what is ordered.
// What each worker holds is kept here, so that it says in its reports what a real one would.
import Coordination
import Messaging
import Planning

struct Rehearsal {
  typealias Directive = CoordinatorMachine.Directive

  var machine: CoordinatorMachine
  var now: Int64 = 0
  let epoch: UInt64
  /// By worker: what it was given and has not answered; the first one runs.
  private(set) var hands: [String: [TaskID]] = [:]
  private var sequences: [String: UInt64] = [:]

  /// Jobs of so many bytes each.
  init(
    _ sizes: [Int64], committed: Set<Int> = [], orphans: [AttemptID] = [],
    memory: [Int: Int64] = [:],
    epoch: UInt64 = 3, readsBack: Bool = true,
    change: (inout CoordinatorSettings) -> Void = { _ in }
  ) {
    self.epoch = epoch
    var settings = CoordinatorSettings(
      epoch: epoch, jobFolder: "/out.shardweld", planDigest: "xxh3:plan")
    settings.readsBack = readsBack
    change(&settings)
    machine = CoordinatorMachine(
      settings: settings,
      jobs: sizes.enumerated().map { id, size in
        JobFacts(
          id: id, shardName: "shard-\(id)", byteCount: size, memoryByteCount: memory[id] ?? 0,
          slice: Self.slice(id), isCommitted: committed.contains(id),
          orphans: orphans.filter { $0.job == id })
      }, now: 0)
  }

  static func slice(_ job: Int) -> PlanSlice {
    PlanSlice(offset: Int64(job), byteCount: 1, digest: "xxh3:slice")
  }

  static func id(_ name: String) -> WorkerID {
    WorkerID(key: name, life: name.utf8.reduce(0) { $0 &* 256 &+ UInt64($1) })
  }

  static func process(_ name: String) -> Int { name.utf8.reduce(0) { $0 + Int($1) } }

  func attempt(_ job: Int, _ number: Int = 1, epoch: UInt64? = nil) -> AttemptID {
    AttemptID(job: job, epoch: epoch ?? self.epoch, attempt: number)
  }

  @discardableResult
  mutating func on(_ event: CoordinatorMachine.Event) -> [Directive] {
    let directives = machine.on(event, now: now)
    for case .send(let message, _, let id) in directives {
      switch message {
      case .assign(let assignment):
        if hands[id.key]?.contains(assignment.task) != true {
          hands[id.key, default: []].append(assignment.task)
        }
      case .cancel(let task), .settled(let task): hands[id.key]?.removeAll { $0 == task }
      default: break
      }
    }
    return directives
  }

  /// A worker says something; the next of its messages unless a number is given.
  @discardableResult
  mutating func say(
    _ name: String, _ message: WorkerMessage, epoch: UInt64? = nil, sequence: UInt64? = nil
  ) -> [Directive] {
    let next = sequence ?? sequences[name, default: 0] + 1
    sequences[name] = max(next, sequences[name, default: 0])
    let id = Self.id(name)
    let envelope = Envelope(epoch: epoch ?? self.epoch, session: id.life, sequence: next)
    return on(.message(message, envelope, from: id))
  }

  // MARK: Words of workers

  /// `held`: tasks in its hands since an earlier welcome, for this plan unless said otherwise.
  @discardableResult
  mutating func join(
    _ name: String, host: String? = nil, memory: Int64 = 256_000_000, held: [TaskID] = [],
    plan: String = "xxh3:plan"
  ) -> [Directive] {
    hands[name] = held
    let introduction = Introduction(
      host: host ?? name, processID: Self.process(name), threads: 1, memoryByteCount: memory,
      planDigest: held.isEmpty ? "" : plan)
    return say(name, .hello(introduction, held: held), epoch: held.isEmpty ? 0 : epoch - 1)
  }

  /// Joins and asks for so many tasks.
  @discardableResult
  mutating func join(
    _ name: String, host: String? = nil, memory: Int64 = 256_000_000, credit: Int
  ) -> [Directive] {
    join(name, host: host, memory: memory)
    return report(name, credit: credit)
  }

  /// A report of all that it holds, the first of it running, and a wish for more.
  @discardableResult
  mutating func report(_ name: String, _ byteCount: Int64 = 0, credit: Int = 0) -> [Directive] {
    let held = hands[name] ?? []
    return say(
      name,
      .progress(running: held.first, byteCount: byteCount, held: held, credit: credit))
  }

  @discardableResult
  mutating func merged(
    _ name: String, _ attempt: AttemptID, digest: String = "xxh3:good", credit: Int = 0
  ) -> [Directive] {
    say(
      name,
      .result(
        TaskID(.merge, attempt),
        .merged(byteCount: 10, digest: digest, recordDigest: "xxh3:record"), credit: credit))
  }

  /// Merged, and its files are as claimed.
  @discardableResult
  mutating func mergedWell(
    _ name: String, _ attempt: AttemptID, digest: String = "xxh3:good", credit: Int = 0
  ) -> [Directive] {
    merged(name, attempt, digest: digest, credit: credit) + on(.checked(attempt))
  }

  @discardableResult
  mutating func read(
    _ name: String, _ attempt: AttemptID, digest: String = "xxh3:good", byteCount: Int64 = 10,
    credit: Int = 0
  ) -> [Directive] {
    say(
      name,
      .result(
        TaskID(.readBack, attempt), .readBack(byteCount: byteCount, digest: digest),
        credit: credit))
  }

  @discardableResult
  mutating func failed(
    _ name: String, _ attempt: AttemptID, _ reason: String = "the device says no",
    _ cause: TaskFailure.Cause = .storage, kind: Assignment.Kind = .merge, credit: Int = 0
  ) -> [Directive] {
    say(
      name,
      .result(TaskID(kind, attempt), .failed(TaskFailure(cause, reason)), credit: credit))
  }

  /// A worker's process ends.
  @discardableResult
  mutating func dies(_ name: String, host: String? = nil) -> [Directive] {
    on(.workerGone(host: host ?? name, processID: Self.process(name)))
  }

  // MARK: Time

  @discardableResult
  mutating func tick(after milliseconds: Int64) -> [Directive] {
    now += milliseconds
    return on(.tick)
  }

  /// Lets time pass in small steps while the named workers go on reporting.
  @discardableResult
  mutating func pass(_ milliseconds: Int64, talking: [String] = []) -> [Directive] {
    var all: [Directive] = []
    for _ in 0..<(milliseconds / 1_000) {
      now += 1_000
      for name in talking { all += report(name) }
      all += on(.tick)
    }
    return all
  }
}
