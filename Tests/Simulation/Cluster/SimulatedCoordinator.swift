// A coordinator's process in the simulation: the real machine, and the real code of its disk, on a
// simulated kernel.
import Coordination
import Ledger
import Messaging
import Planning

/// One life of a coordinator.
final class SimulatedCoordinator {
  let process: SimulatedProcess
  let number: Int
  var ledger: JobLedger?
  var work: DiskWork?
  var machine: CoordinatorMachine?
  var epoch: UInt64 = 0
  /// Stopped by SIGSTOP until then.
  var pausedUntil: Int64 = 0
  /// When its disk thread has done all it was told.
  var diskFreeAt: Int64 = 0
  /// Attempts that are to be removed and are not yet.
  var discards: [AttemptID] = []
  var isListening = false
  var isOver = false

  init(_ process: SimulatedProcess, number: Int) {
    self.process = process
    self.number = number
  }

  var isAlive: Bool { !isOver && !process.isDead }
}

/// An order that waits for the disk thread.
enum DiskOrder {
  case check(AttemptID, byteCount: Int64, digest: String, recordDigest: String)
  case commit(AttemptID, readBackBy: String)
  case revoke(Int)
  case discard(AttemptID)
  case publish
  case note(CoordinatorMachine.Note)
}
