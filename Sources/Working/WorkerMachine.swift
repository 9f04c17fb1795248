// What a worker says and when it works. A pure value: no clock, no disk, no randomness. One task
// runs and one waits, and the one before may still be flushed; a result is repeated until it is
// acknowledged. A worker that has heard nothing for two thirds of its lease stops asking for work
// before the coordinator gives its job away, and words from an earlier coordinator than the latest
// it knows are ignored.
import Messaging
import Planning

/// Decides what a worker does and says.
package struct WorkerMachine: Sendable {
  /// How it stands with the coordinator.
  enum Contact: Equatable, Sendable {
    /// Not welcomed yet, by the coordinator it knows of.
    case joining
    case joined
    /// Silence for too long: work goes on, nothing is asked for or reported until a new welcome.
    case fenced
  }

  /// A task the merge thread is at.
  struct Running: Equatable, Sendable {
    var assignment: Assignment
    var startedAt: Int64
    var byteCount: Int64 = 0
    var isHalting = false
    /// Cancelled: its end is told to nobody.
    var isForgotten = false
    /// Its end would come too late: it goes back as declined.
    var isTooLong = false
  }

  /// A result nobody has acknowledged.
  struct Unsettled: Equatable, Sendable {
    var task: TaskID
    var outcome: Outcome
    var sentAt: Int64
  }

  /// No coordinator can make a worker report more often.
  static let heartbeatMillisecondsMin: Int64 = 50

  let settings: WorkerSettings
  var contact = Contact.joining
  /// The highest epoch heard of; 0 before the first word.
  var epoch: UInt64 = 0
  var jobFolder: String?
  var planDigest: String?
  /// Between two reports, as the coordinator last wished. The fence bounds it.
  var heartbeatMilliseconds: Int64 = 1_000
  var fenceMilliseconds: Int64 = 10_000
  var running: Running?
  /// The merge before it, whose shard is written and not flushed yet.
  var flushing: Running?
  var prefetched: Assignment?
  var unsettled: [Unsettled] = []
  /// Merges done with: a late copy of their assignment must not start them again. The latest 256.
  var finished: [AttemptID] = []
  var lastWord: Int64
  var lastHello: Int64?
  var lastHeartbeat: Int64 = 0
  var leaving: Leaving?
  /// How fast merges went so far.
  var mergedByteCount: Int64 = 0
  var mergedMilliseconds: Int64 = 0
  /// What its tasks have read and written, for the coordinator to see that it does not stand still.
  var movedByteCount: Int64 = 0
  var isOver = false
  var sequence: UInt64 = 0
  var directives: [Directive] = []

  package init(settings: WorkerSettings, now: Int64) {
    self.settings = settings
    lastWord = now
  }

  /// Takes one event at a time; times must not go backwards.
  package mutating func on(_ event: Event, now: Int64) -> [Directive] {
    guard !isOver else { return [] }
    switch event {
    case .message(let message, let envelope): hear(message, envelope, now: now)
    case .connected: connected(now: now)
    case .disconnected: disconnected()
    case .advanced(let task, let byteCount):
      if isRunning(task) { running?.byteCount = byteCount }
    case .moved(let byteCount): movedByteCount = byteCount
    case .written(let task): written(task, now: now)
    case .ended(let task, let outcome): ended(task, outcome, now: now)
    case .tick: tick(now: now)
    case .terminate: terminate(now: now)
    }
    leaveIfDone(now: now)
    defer { directives = [] }
    return directives
  }

  /// Everything this worker answers for.
  var held: [TaskID] {
    var tasks: [TaskID] = []
    if let flushing { tasks.append(flushing.assignment.task) }
    if let running { tasks.append(running.assignment.task) }
    if let prefetched { tasks.append(prefetched.task) }
    return tasks + unsettled.map(\.task)
  }

  /// Tasks it could take now; none while it is leaving.
  var room: Int {
    leaving == nil ? (running == nil ? 1 : 0) + (prefetched == nil ? 1 : 0) : 0
  }

  /// True while a coordinator answers.
  package var isInContact: Bool { contact == .joined }

  func isRunning(_ task: TaskID) -> Bool { running?.assignment.task == task }

  func isFlushing(_ task: TaskID) -> Bool { flushing?.assignment.task == task }

  /// The oldest task that somebody waits for: its time runs. A flush that hangs shows by it.
  private var oldest: Running? { flushing?.isForgotten == false ? flushing : running }

  /// Says something under the epoch known.
  mutating func send(_ message: WorkerMessage) {
    sequence += 1
    let envelope = Envelope(epoch: epoch, session: settings.life, sequence: sequence)
    directives.append(.send(message, envelope))
  }

  mutating func sayHello(now: Int64) {
    lastHello = now
    send(
      .hello(
        Introduction(
          host: settings.host, processID: settings.processID, threads: settings.threads,
          memoryByteCount: settings.memoryByteCount, planDigest: planDigest ?? ""),
        held: held))
  }

  /// Progress is the heartbeat, confirms what is held, and asks for more.
  mutating func report(now: Int64) {
    guard contact == .joined else { return }
    lastHeartbeat = now
    send(
      .progress(
        running: oldest?.assignment.task, byteCount: oldest?.byteCount ?? 0,
        movedByteCount: movedByteCount, held: held, credit: room))
  }

  mutating func exit(_ reason: WorkerExit) {
    guard !isOver else { return }
    if running != nil { halt() }
    isOver = true
    directives.append(.exit(reason))
  }

  mutating func halt() {
    guard running?.isHalting == false else { return }
    running?.isHalting = true
    directives.append(.halt)
  }
}
