// The machine's hands: the socket, the clock, signals and the disk thread. Runs on the thread that
// calls it and decides nothing; directives are carried out in the order they are given. Messages
// may get lost on the way: what matters is said again when the machine says so.
package import Messaging
package import Planning
import Publishing
import Storage

/// Something worth telling a person while a run goes on.
package enum CoordinationRemark: Equatable, Sendable {
  case note(CoordinatorMachine.Note)
  case refusal(Refusal)
  /// Bytes of an authorised worker that are no message.
  case malformed(MessageError, worker: String)
}

/// What the executable tells of the worker processes it started.
package enum ProcessEvent: Equatable, Sendable {
  case ended(processID: Int)
  /// None is left and none will be started.
  case noneLeft(reason: String)
}

/// Runs a merge's jobs on workers until it is finished, stopped or failed.
package final class CoordinatorShell {
  /// How a run is conducted; nothing here changes a byte of the output.
  package struct Options: Sendable {
    /// False with `--verify none`.
    package var readsBack = true
    /// Of a hundred jobs, so many are merged twice and compared.
    package var auditPercent = 0

    package init() {}
  }

  private static let tickMilliseconds: Int64 = 200
  private static let beatMilliseconds: Int64 = 2_000
  /// Messages taken before the clock is looked at again.
  private static let messagesPerTurnMax = 1_000
  private static let malformedCountMax = 3

  /// For the executable, from any thread.
  package let processes = Mailbox<ProcessEvent>()

  private let link: RouterLink
  private let signals: SignalSource?
  private let report: (ProgressSnapshot) -> Void
  private let remark: (CoordinationRemark) -> Void
  private let disk: any CoordinatorDisk
  private let jobsKept: Int
  private let started = Clock.milliseconds
  private var machine: CoordinatorMachine
  /// The latest way to each worker: it changes when a worker reconnects.
  private var peers: [WorkerID: Peer] = [:]
  private var published: PublishedSummary?
  private var signalCount = 0
  /// By key: messages of authorised workers that are no messages.
  private var malformedCounts: [String: Int] = [:]
  private var end: CoordinatorMachine.End?

  /// `jobs` and `folder`: of the plan, as the ledger found them. `report` is called a few times
  /// each second, `remark` as things happen; both on the thread that runs.
  package init(
    jobs: [JobFacts], folder: JobFolder, epoch: UInt64, planDigest: String,
    disk: any CoordinatorDisk, link: RouterLink, signals: SignalSource?, options: Options,
    report: @escaping (ProgressSnapshot) -> Void,
    remark: @escaping (CoordinationRemark) -> Void = { _ in }
  ) {
    self.disk = disk
    self.link = link
    self.signals = signals
    self.report = report
    self.remark = remark
    jobsKept = jobs.count { $0.isCommitted }
    var settings = CoordinatorSettings(
      epoch: epoch, jobFolder: folder.path, planDigest: planDigest)
    settings.readsBack = options.readsBack
    settings.auditPercent = options.auditPercent
    settings.seed = .random(in: .min ... .max)
    machine = CoordinatorMachine(settings: settings, jobs: jobs, now: Clock.milliseconds)
  }

  /// Tests its own door: call before workers are told where it is.
  package func testDoor() throws(MessagingError) { try link.selfTest() }

  /// Runs to the end.
  package func run() -> CoordinationOutcome {
    var nextTick = Clock.milliseconds
    var nextBeat = Clock.milliseconds
    while end == nil {
      wait(until: nextTick)
      takeSignals()
      takeMessages()
      takeLostPeers()
      for answer in disk.answers.takeAll() { take(answer) }
      for event in processes.takeAll() { take(event) }
      let now = Clock.milliseconds
      if now >= nextTick {
        nextTick = now + Self.tickMilliseconds
        tell(.tick)
        report(machine.snapshot)
      }
      if now >= nextBeat {
        nextBeat = now + Self.beatMilliseconds
        disk.beat()
      }
    }
    return outcome()
  }

  /// Ends the run as if somebody had asked twice; to be called on the thread that runs.
  package func stop(reason: String) {
    tell(.stop(reason: reason))
    if end == nil { end = .stopped(reason: reason) }
  }

  private func wait(until time: Int64) {
    let descriptors =
      [disk.answers.wakeUp.descriptor, processes.wakeUp.descriptor]
      + (signals.map { [$0.descriptor] } ?? [])
    Poll.wait(
      link, descriptors: descriptors, timeoutMilliseconds: Int(max(0, time - Clock.milliseconds)))
  }

  private func outcome() -> CoordinationOutcome {
    // What was rejected must be gone before the next run looks for what it can use.
    disk.drain()
    switch end {
    case .finished:
      guard let published else { unreachable("finished without an output") }
      report(machine.snapshot)
      return .finished(
        CoordinationSummary(
          published: published, jobs: machine.snapshot.jobsTotal, jobsKept: jobsKept,
          workersUsed: machine.workersUsed, retries: machine.retryCount,
          milliseconds: Clock.milliseconds - started))
    case .stopped(let reason): return .stopped(reason: reason)
    case .failed(let reasons): return .failed(reasons: reasons)
    case nil: unreachable("a run without an end")
    }
  }

  // MARK: Events

  private func takeSignals() {
    while let signal = signals?.next() {
      signalCount += 1
      let reason = "stopped by \(Self.name(of: signal)); run the same command again to go on"
      // Asked twice: at once. Whatever is under way on disk is safe to be cut off.
      if signalCount > 1 { stop(reason: reason) } else { tell(.stop(reason: reason)) }
    }
  }

  private func takeMessages() {
    for _ in 0..<Self.messagesPerTurnMax {
      guard let incoming = link.receive() else { break }
      do throws(MessageError) {
        let (message, envelope) = try MessageCodec.decodeWorker(incoming.bytes)
        let id = WorkerID(key: incoming.key.text, life: envelope.session)
        guard malformedCounts[incoming.key.text, default: 0] < Self.malformedCountMax else {
          continue
        }
        peers[id] = incoming.peer
        tell(.message(message, envelope, from: id))
        // A way back is kept to those alone who have a place in the run.
        if !machine.knows(id) { peers[id] = nil }
      } catch {
        malformed(error, incoming)
      }
    }
    for refusal in link.takeRefusals() {
      remark(.refusal(refusal))
      bar(refusal)
    }
  }

  /// What the workers of a withdrawn key hold goes to others at once.
  private func bar(_ refusal: Refusal) {
    guard case .droppedMessage(let key, let fault, _) = refusal else { return }
    switch fault {
    case .notListed, .expired: tell(.barred(key: key.text, reason: refusal.sentence))
    case .elsewhere, .listUnusable: break
    }
  }

  /// A worker that cannot speak is one that cannot be understood: after a few such words nobody of
  /// its key is listened to any more.
  private func malformed(_ error: MessageError, _ incoming: Incoming) {
    let key = incoming.key.text
    // Another version is no fault: it sees ours, and goes with a sentence.
    if case .version = error {
      let envelope = Envelope(epoch: machine.epoch, session: 0, sequence: 1)
      _ = link.send(
        MessageCodec.encode(.refuse(reason: error.sentence), envelope), to: incoming.peer)
      return remark(.malformed(error, worker: incoming.name))
    }
    let count = malformedCounts[key, default: 0] + 1
    malformedCounts[key] = count
    guard count <= Self.malformedCountMax else { return }
    remark(.malformed(error, worker: incoming.name))
    guard count == Self.malformedCountMax else { return }
    tell(.barred(key: key, reason: "\(count) of its messages were none: \(error.sentence)"))
  }

  /// Tells whose connections broke.
  private func takeLostPeers() {
    let lost = link.takeLostPeers()
    guard !lost.isEmpty else { return }
    for id in peers.filter({ lost.contains($0.value) }).keys.sorted() {
      peers[id] = nil
      tell(.unreachable(id))
    }
  }

  private func take(_ answer: DiskAnswer) {
    switch answer {
    case .event(let event): tell(event)
    case .published(let summary):
      published = summary
      tell(.published)
    }
  }

  private func take(_ event: ProcessEvent) {
    switch event {
    case .ended(let processID): tell(.workerGone(host: Host.name, processID: processID))
    case .noneLeft(let reason): tell(.noMoreWorkers(reason: reason))
    }
  }

  // MARK: Directives

  private func tell(_ event: CoordinatorMachine.Event) {
    for directive in machine.on(event, now: Clock.milliseconds) { carryOut(directive) }
  }

  private func carryOut(_ directive: CoordinatorMachine.Directive) {
    switch directive {
    case .send(let message, let envelope, let id):
      guard let peer = peers[id] else { return }
      // Not sent is as good as lost.
      _ = link.send(MessageCodec.encode(message, envelope), to: peer)
    case .check(let attempt, let byteCount, let digest, let recordDigest):
      disk.check(attempt, byteCount: byteCount, digest: digest, recordDigest: recordDigest)
    case .commit(let attempt, let readBackBy): disk.commit(attempt, readBackBy: readBackBy)
    case .revoke(let job): disk.revoke(job)
    case .discard(let attempt): disk.discard(attempt)
    case .publish: disk.publish()
    case .note(let note):
      disk.note(note)
      remark(.note(note))
    case .end(let end): self.end = end
    }
  }

  private static func name(of signal: Int32) -> String {
    switch signal {
    case 1: "SIGHUP"
    case 2: "SIGINT"
    case 15: "SIGTERM"
    default: "signal \(signal)"
    }
  }
}
