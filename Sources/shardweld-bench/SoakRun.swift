// One merge under torment, from its first start to its end: processes are started again as whoever
// operates them would, blows fall at random moments, and nothing is left running.
import Glibc
import Messaging
import Planning
import Storage
import TestSupport

/// A run and its processes. Used by one thread.
final class SoakRun {
  /// How the merge is started.
  enum Way: String, CaseIterable {
    case local, ipc, tcp
  }

  let way: Way
  let workerCount: Int
  private(set) var strikes: [SoakStrike] = []
  private let setting: SoakSetting
  private let signals: SignalSource
  private let endpoint: String
  private var random: SeededGenerator
  private var coordinator: SoakProcess?
  /// Of the network's ways alone.
  private var workers: [SoakProcess] = []
  /// When the next worker may be started: a loop that restarts them rests in between.
  private var nextWorker: Int64 = 0
  private var frozen: [(process: SoakProcess, until: Int64)] = []
  private var blowsLeft: Int
  private var nextBlow: Int64 = 0
  /// The coordinator was told to end, or killed: its end is no fault of its own.
  private var isStruck = false

  private static let secondsMax: Int64 = 180
  private static let leaveSecondsMax: Int64 = 25
  private static let restMilliseconds: Int64 = 400

  init(_ setting: SoakSetting, ways: [Way], seed: UInt64, signals: SignalSource) {
    self.setting = setting
    self.signals = signals
    random = SeededGenerator(seed: seed)
    way = ways.randomElement(using: &random) ?? .local
    workerCount = Int.random(in: 2...4, using: &random)
    blowsLeft = Int.random(in: 1...4, using: &random)
    // Outside the range from which the kernel takes ports for connections.
    endpoint =
      way == .tcp
      ? "tcp://127.0.0.1:\(Int.random(in: 20_000..<32_000, using: &random))"
      : "ipc://\(setting.folder)/socket"
  }

  /// Runs to the end; throws where something is wrong.
  func run() throws {
    defer { killAll() }
    let start = Clock.milliseconds
    try startCoordinator()
    scheduleBlow()
    while true {
      try checkSignals()
      if try reap() { break }
      try startMissingWorkers()
      thaw()
      if blowsLeft > 0, Clock.milliseconds >= nextBlow { try strike() }
      guard Clock.milliseconds - start < Self.secondsMax * 1000 else {
        throw fault("the merge hangs: not done after \(Self.secondsMax) s")
      }
      Host.pause(milliseconds: 2)
    }
    try leave()
  }

  private func checkSignals() throws {
    if let signal = signals.next() { throw fault("stopped by signal \(signal)") }
  }

  private func fault(_ text: String) -> ChildProcess.Failed { .init(description: text) }

  // MARK: Starting

  private func startCoordinator() throws {
    let command =
      way == .local ? setting.localMerge(workers: workerCount) : setting.coordinator(endpoint)
    coordinator = try SoakProcess(child: ChildProcess.spawn(command, log: log))
    isStruck = false
  }

  private var log: String { Path.join(setting.folder, "coordinator.log") }

  private func startMissingWorkers() throws {
    guard way != .local, Clock.milliseconds >= nextWorker else { return }
    while workers.count < workerCount {
      // A worker with this variable ends with the process that started it.
      let process = try ChildProcess.spawn(
        setting.worker(endpoint), log: Path.join(setting.folder, "worker.log"),
        variables: ["SHARDWELD_PARENT=\(getpid())"])
      workers.append(try SoakProcess(child: process))
    }
  }

  // MARK: Ending

  /// Waits for whoever has ended and starts the coordinator again; true where the merge is done.
  private func reap() throws -> Bool {
    var status: Int32 = 0
    while true {
      let ended = unsafe waitpid(-1, &status, WNOHANG)
      if ended <= 0 { return false }
      let signal = status & 0x7F
      let code = signal == 0 ? (status >> 8) & 0xFF : -signal
      if ended == coordinator?.processID {
        if try isEnd(code) { return true }
        try startCoordinator()
      } else if let index = workers.firstIndex(where: { $0.processID == ended }) {
        workers.remove(at: index)
        nextWorker = Clock.milliseconds + Self.restMilliseconds
        guard [0, 75, -SIGKILL, -SIGTERM].contains(code) else {
          let text = String(
            decoding: try WholeFile.read(Path.join(setting.folder, "worker.log")), as: UTF8.self)
          throw fault("a worker ended with \(code):\n\(text)")
        }
      }
    }
  }

  /// True where the coordinator has done its work; throws where it had no reason to end.
  private func isEnd(_ code: Int32) throws -> Bool {
    coordinator = nil
    if code == 0 { return true }
    let text = String(decoding: try WholeFile.read(log), as: UTF8.self)
    // Killed between the output's name and its own end.
    if code == 2, !strikes.isEmpty, text.contains("is a finished merge already") { return true }
    // By SIGTERM itself ends who had not begun to listen for it.
    guard isStruck, [75, -SIGKILL, -SIGTERM].contains(code) else {
      throw fault("the coordinator ended with \(code):\n\(text)")
    }
    return false
  }

  /// Sees to it that all processes go, and go in time.
  private func leave() throws {
    for (process, _) in frozen { process.send(SIGCONT) }
    frozen = []
    let start = Clock.milliseconds
    var isAsked = false
    while true {
      var status: Int32 = 0
      let ended = unsafe waitpid(-1, &status, WNOHANG)
      if ended < 0, errno == ECHILD { break }
      workers.removeAll { $0.processID == ended }
      let passed = Clock.milliseconds - start
      // Workers that came when all was done wait for a coordinator.
      if passed > 200, !isAsked {
        for worker in workers { worker.send(SIGTERM) }
        isAsked = true
      }
      guard passed < Self.leaveSecondsMax * 1000 else { throw fault("processes do not leave") }
      Host.pause(milliseconds: 2)
    }
  }

  /// Ends whatever runs.
  private func killAll() {
    coordinator?.send(SIGKILL)
    for worker in workers { worker.send(SIGKILL) }
    // A killed merge's workers go with it, and come to us.
    var status: Int32 = 0
    while unsafe waitpid(-1, &status, 0) > 0 {}
  }

  // MARK: Blows

  private func scheduleBlow() {
    nextBlow = Clock.milliseconds + Int64.random(in: 0...setting.milliseconds, using: &random)
  }

  private func strike() throws {
    blowsLeft -= 1
    defer { scheduleBlow() }
    let blow = SoakBlow.random(using: &random)
    guard let coordinator else { return }
    let worker = randomWorker(of: coordinator)
    let freeze = blow.freezeMilliseconds(using: &random)
    let target: SoakProcess? = blow.hitsCoordinator ? coordinator : worker
    guard let target else { return }
    let signal =
      freeze != nil
      ? SIGSTOP
      : blow == .endWorker || blow == .endCoordinator
        ? SIGTERM : SIGKILL
    guard target.send(signal) else { return }
    let time = Host.milliseconds
    if blow == .killAll { for worker in workers { worker.send(SIGKILL) } }
    if blow.hitsCoordinator, freeze == nil { isStruck = true }
    if let freeze { frozen.append((target, Clock.milliseconds + freeze)) }
    strikes.append(
      SoakStrike(
        blow: blow, time: time, epoch: try newestEpoch(),
        worker: blow.hitsCoordinator ? "" : target.label))
  }

  private func randomWorker(of coordinator: SoakProcess) -> SoakProcess? {
    guard way == .local else { return workers.randomElement(using: &random) }
    return ChildProcess.children(of: coordinator.processID).randomElement(using: &random)
      .flatMap { SoakProcess($0, of: coordinator.processID) }
  }

  private func thaw() {
    frozen.removeAll { process, until in
      guard Clock.milliseconds >= until else { return false }
      process.send(SIGCONT)
      return true
    }
  }

  /// The newest coordinator's number; 0 before the first.
  private func newestEpoch() throws -> UInt64 {
    guard try FileStatus.of(setting.job.journals) != nil else { return 0 }
    return try Folder.list(setting.job.journals).compactMap { UInt64($0.prefix { $0 != "." }) }
      .max() ?? 0
  }
}
