/// Why a worker ended.
package enum WorkerExit: Equatable, Sendable {
  /// The coordinator needs it no more.
  case dismissed
  /// It was asked to stop (SIGTERM, Ctrl-C) and has given its work back.
  case stopped
  /// No coordinator has spoken to it for so long.
  case orphaned(seconds: Int)
  /// The coordinator at this address now serves another merge.
  case otherPlan
  /// This machine computes or digests wrongly: its known answers are not what it finds.
  case unsound(reason: String)
  /// The coordinator does not want it, and says why.
  case refused(reason: String)
  /// The coordinator does not know this worker's key.
  case keyRefused
  /// The coordinator's key is not the one this worker was given.
  case wrongServerKey

  /// The process's exit code.
  package var code: Int32 {
    switch self {
    case .dismissed: 0
    case .stopped, .orphaned, .otherPlan: 75
    case .unsound, .refused, .keyRefused, .wrongServerKey: 78
    }
  }

  /// What happened and what to do next; nil where there is nothing to say.
  package var sentence: String? {
    switch self {
    case .dismissed: nil
    case .stopped: "stopped; its unfinished jobs went back to the coordinator"
    case .orphaned(let seconds):
      "no word from the coordinator for \(seconds) s; start the coordinator, then this worker again"
    case .otherPlan:
      "the coordinator at this address now serves another merge; start this worker again"
    case .unsound(let reason):
      "this machine does not compute as it must: \(reason); nothing is merged here: test its "
        + "memory and processor"
    case .refused(let reason): "the coordinator refuses this worker: \(reason)"
    case .keyRefused:
      "the coordinator does not admit this worker's key, and its log says why; its "
        + "authorized_keys must have the key of worker.public, valid now and from this address"
    case .wrongServerKey:
      "the coordinator's key is not the one in coordinator.public; copy the coordinator's "
        + "coordinator.public to this worker's key folder, then start this worker again"
    }
  }
}
