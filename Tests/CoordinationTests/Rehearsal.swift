// A coordinator's machine with workers played by the test: say something, look at what is ordered.
import Coordination
import Messaging
import Planning

struct Rehearsal {
  typealias Directive = CoordinatorMachine.Directive

  var machine: CoordinatorMachine
  var now: Int64 = 0
  let epoch: UInt64
  private var sequences: [String: UInt64] = [:]

  /// Jobs of so many bytes each.
  init(
    _ sizes: [Int64], committed: Set<Int> = [], epoch: UInt64 = 3, readsBack: Bool = true,
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
          id: id, shardName: "shard-\(id)", byteCount: size, slice: Self.slice(id),
          isCommitted: committed.contains(id))
      })
  }

  static func slice(_ job: Int) -> PlanSlice {
    PlanSlice(offset: Int64(job), byteCount: 1, digest: "xxh3:slice")
  }

  static func id(_ name: String) -> WorkerID {
    WorkerID(key: name, life: name.utf8.reduce(0) { $0 &* 256 &+ UInt64($1) })
  }

  func attempt(_ job: Int, _ number: Int = 1) -> AttemptID {
    AttemptID(job: job, epoch: epoch, attempt: number)
  }

  @discardableResult
  mutating func on(_ event: CoordinatorMachine.Event) -> [Directive] {
    machine.on(event, now: now)
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

  @discardableResult
  mutating func join(_ name: String, running: [AttemptID] = []) -> [Directive] {
    let number = name.utf8.reduce(0) { $0 + Int($1) }
    return say(name, .hello(host: name, processID: number, threads: 1, running: running), epoch: 0)
  }

  /// Joins and asks for so many tasks.
  @discardableResult
  mutating func join(_ name: String, credit: Int) -> [Directive] {
    join(name)
    return say(name, .credit(count: credit))
  }

  @discardableResult
  mutating func merged(
    _ name: String, _ attempt: AttemptID, digest: String = "xxh3:good"
  ) -> [Directive] {
    say(
      name,
      .result(
        .merge, attempt, .merged(byteCount: 10, digest: digest, recordDigest: "xxh3:record")))
  }

  @discardableResult
  mutating func read(
    _ name: String, _ attempt: AttemptID, digest: String = "xxh3:good", byteCount: Int64 = 10
  ) -> [Directive] {
    say(name, .result(.readBack, attempt, .readBack(byteCount: byteCount, digest: digest)))
  }

  @discardableResult
  mutating func failed(
    _ name: String, _ attempt: AttemptID, _ reason: String = "the device says no",
    kind: Assignment.Kind = .merge, isFinal: Bool = false, noSpace: Bool = false
  ) -> [Directive] {
    say(
      name,
      .result(kind, attempt, .failed(reason: reason, isFinal: isFinal, noSpace: noSpace)))
  }

  @discardableResult
  mutating func tick(after milliseconds: Int64) -> [Directive] {
    now += milliseconds
    return on(.tick)
  }

  /// Lets time pass in small steps while the named workers go on talking.
  @discardableResult
  mutating func pass(_ milliseconds: Int64, talking: [String] = []) -> [Directive] {
    var all: [Directive] = []
    for _ in 0..<(milliseconds / 1_000) {
      now += 1_000
      for name in talking { all += say(name, .goodNews) }
      all += on(.tick)
    }
    return all
  }
}

extension WorkerMessage {
  /// A worker at rest.
  static let goodNews = WorkerMessage.progress(running: nil, byteCount: 0, held: [])
}

extension [CoordinatorMachine.Directive] {
  /// What is said to a worker, in order.
  func said(to name: String) -> [CoordinatorMessage] {
    compactMap { directive in
      guard case .send(let message, _, let id) = directive, id == Rehearsal.id(name) else {
        return nil
      }
      return message
    }
  }

  /// What a worker is given, in order.
  func given(to name: String) -> [Assignment] {
    said(to: name).compactMap { if case .assign(let assignment) = $0 { assignment } else { nil } }
  }

  var commits: [AttemptID] {
    compactMap { if case .commit(let attempt, _) = $0 { attempt } else { nil } }
  }

  var discarded: [AttemptID] {
    compactMap { if case .discard(let attempt) = $0 { attempt } else { nil } }
  }

  var end: CoordinatorMachine.End? {
    for case .end(let end) in self { return end }
    return nil
  }

  func notes(_ kind: CoordinatorMachine.Note.Kind) -> [String] {
    compactMap { if case .note(let note) = $0, note.kind == kind { note.text } else { nil } }
  }
}
