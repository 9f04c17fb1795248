// What can happen to a merge's processes, and what was seen of it: enough to say afterwards, from
// the journal, which jobs were in flight on whom it hit.
import Storage
import TestSupport

/// A kind of blow.
enum SoakBlow: String, CaseIterable {
  case killWorker = "kill -9 a worker"
  case killCoordinator = "kill -9 the coordinator"
  case killAll = "kill -9 everything"
  case endWorker = "SIGTERM to a worker"
  case endCoordinator = "SIGTERM to the coordinator"
  case freezeWorker = "SIGSTOP a worker, 2 s at most"
  case freezeCoordinator = "SIGSTOP the coordinator, 2 s at most"
  case freezeLong = "SIGSTOP a worker past its lease"

  /// How often it falls, as a share of the sum of all.
  private var weight: Int {
    switch self {
    case .killWorker, .killCoordinator: 5
    case .killAll, .freezeWorker: 3
    case .endWorker, .endCoordinator, .freezeCoordinator: 2
    case .freezeLong: 1
    }
  }

  static func random(using generator: inout SeededGenerator) -> SoakBlow {
    var ticket = Int.random(in: 0..<allCases.reduce(0) { $0 + $1.weight }, using: &generator)
    for blow in allCases {
      ticket -= blow.weight
      if ticket < 0 { return blow }
    }
    return .killAll
  }

  /// How long whom it hits stands still.
  func freezeMilliseconds(using generator: inout SeededGenerator) -> Int64? {
    switch self {
    case .freezeWorker, .freezeCoordinator: Int64.random(in: 50...2_000, using: &generator)
    case .freezeLong: Int64.random(in: 16_000...18_000, using: &generator)
    default: nil
    }
  }

  var hitsCoordinator: Bool {
    switch self {
    case .killCoordinator, .killAll, .endCoordinator, .freezeCoordinator: true
    case .killWorker, .endWorker, .freezeWorker, .freezeLong: false
    }
  }

  /// A short rest costs nothing: whoever is given work again then was taken for dead too soon.
  var mayCostWork: Bool { self != .freezeWorker && self != .freezeCoordinator }
}

/// A blow that fell.
struct SoakStrike {
  var blow: SoakBlow
  /// Milliseconds since 1970, as the journal has them.
  var time: Int64
  /// The coordinator's life that it fell in, by the newest journal.
  var epoch: UInt64
  /// The worker that it hit; "" where it hit the coordinator.
  var worker: String
}
