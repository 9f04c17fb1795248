import TestSupport

/// What one seed does to its cluster: each seed draws its own subset of troubles.
struct Weather {
  var workers: Int
  var jobs: Int
  /// Of a hundred messages.
  var lost: Int64
  var repeated: Int64
  var delayMax: Int64
  var readsBack: Bool
  /// Troubles that befall processes, in the first minute of virtual time.
  var troubles: [Trouble] = []
  /// Attempts that fail, or are written wrong, at most one of each per job.
  var failing: Int64
  var corrupt: Int64

  enum Trouble: CaseIterable {
    case killWorker, killWorkerUnseen, pauseWorker, terminateWorker, cutOffWorker
    case killCoordinator
  }

  /// After this time nothing bad happens any more and the run must come to its end.
  static let healed: Int64 = 60_000

  init(_ random: inout SeededGenerator) {
    workers = Int(random.number(1...6))
    jobs = Int(random.number(1...14))
    lost = random.pick([0, 0, 5, 20])
    repeated = random.pick([0, 5, 20])
    delayMax = random.pick([2, 50, 400, 2_500])
    readsBack = random.chance(85)
    failing = random.pick([0, 0, 10])
    corrupt = readsBack ? random.pick([0, 0, 10]) : 0
    let kinds = Trouble.allCases.filter { _ in random.chance(50) }
    if !kinds.isEmpty {
      for _ in 0..<random.number(0...6) { troubles.append(random.pick(kinds)) }
    }
  }
}
