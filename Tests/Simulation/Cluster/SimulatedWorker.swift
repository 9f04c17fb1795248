// A place where a worker process runs, at most one life at a time.
import Messaging
import Planning
import Working

/// A worker's place in the simulation.
final class SimulatedWorker {
  /// What its merge thread does.
  struct Task {
    var assignment: Assignment
    var number: Int
    var isHalted = false
    /// What it came to, once its file is written or read.
    var outcome: Outcome?
  }

  let index: Int
  let host: String
  let lie: Lie?
  let memoryByteCount: Int64
  var machine: WorkerMachine
  var process: SimulatedProcess
  var life: UInt64
  /// Grows with every life; told in hello.
  var processID: Int
  var key: String
  var pausedUntil: Int64 = 0
  /// No messages go to the coordinator, or come from it, until then.
  var deafUntil: Int64 = 0
  var muteUntil: Int64 = 0
  /// Its merges move nothing until then.
  var hungUntil: Int64 = 0
  var slowness: Int64 = 1
  var task: Task?
  /// A merge that is written and flushed beside the task.
  var flush: Task?
  var taskCount = 0
  /// The coordinator it is connected to.
  var connection: Int?
  var connectionCount = 0
  var hasExited = false
  var wasDismissed = false
  /// What it said last, for one that talks of the past.
  var lastWords: [UInt8] = []

  init(
    index: Int, host: String, lie: Lie?, memoryByteCount: Int64, key: String, life: UInt64,
    process: SimulatedProcess, now: Int64
  ) {
    self.index = index
    self.host = host
    self.lie = lie
    self.memoryByteCount = memoryByteCount
    self.key = key
    self.life = life
    self.process = process
    processID = process.processID
    machine = WorkerMachine(
      settings: WorkerSettings(
        host: host, processID: process.processID, threads: 1, memoryByteCount: memoryByteCount,
        life: life), now: now)
  }

  var isAlive: Bool { !hasExited && !process.isDead }
}
