// What the process tells who started it. Scripts and job schedulers act on these numbers.

/// How a run ended.
enum ExitCode: Int32, Equatable, Sendable {
  case done = 0
  case failed = 1
  case badInput = 2
  case different = 3
  /// EX_TEMPFAIL of sysexits.h.
  case again = 75
  /// EX_CONFIG of sysexits.h.
  case configuration = 78

  /// One line for help.
  var meaning: String {
    switch self {
    case .done: "done"
    case .failed: "failed: storage, workers, or a weight that is not finite"
    case .badInput: "bad usage or bad input; nothing is written"
    case .different: "a difference is found"
    case .again: "stopped; run the same command again to go on"
    case .configuration: "bad configuration or key, or a machine that computes wrongly"
    }
  }
}
