import Messaging
import Planning
import Working

/// One place where a worker process runs: at most one life at a time.
struct SimulatedWorker {
  /// What its merge thread does.
  struct Task {
    var assignment: Assignment
    var number: Int
    var isHalted = false
  }

  let key: String
  var machine: WorkerMachine
  var life: UInt64
  var processID: Int
  var isAlive = true
  /// Stopped by SIGSTOP until then.
  var pausedUntil: Int64 = 0
  /// Without network until then.
  var cutOffUntil: Int64 = 0
  var task: Task?
  var taskCount = 0
  var exit: WorkerExit?
}
