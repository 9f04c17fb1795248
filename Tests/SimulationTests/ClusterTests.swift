import Simulation
import Testing

/// Whole clusters under many seeds. A failure prints the command that tells its seed's story.
@Suite struct ClusterSimulationTests {
  /// The first broken rules of so many seeds.
  static func broken(
    from: UInt64, count: UInt64, _ sabotage: Sabotage? = nil, most: Int = 3
  ) -> [String] {
    let stage = Stage()
    var broken: [String] = []
    for seed in from..<(from + count) where broken.count < most {
      let run = ClusterSimulation(seed: seed, sabotage: sabotage, stage: stage)
      guard let rule = run.run() else { continue }
      broken.append(
        "seed \(seed): \(rule); swift run -c release shardweld-bench simulate --story \(seed)")
    }
    return broken
  }

  /// `Scripts/check` takes a thousand, with the optimised build.
  @Test(arguments: [2_001, 2_061, 2_121, 2_181] as [UInt64])
  func `every seed finishes with the right bytes and no rule broken`(from: UInt64) {
    #expect(Self.broken(from: from, count: 60) == [])
  }

  @Test func `the same seed gives the same trace, and another one another`() {
    let stage = Stage()
    func trace(_ seed: UInt64) -> UInt64 {
      let run = ClusterSimulation(seed: seed, stage: stage)
      _ = run.run()
      return run.traceDigest
    }
    let first = (1...30).map { trace($0) }
    #expect(first == (1...30).map { trace($0) })
    #expect(Set(first).count == 30)
  }

  // MARK: Tests of the tests

  @Test(arguments: Sabotage.allCases)
  func `a cluster that is broken on purpose is found out`(sabotage: Sabotage) {
    #expect(Self.broken(from: 1, count: 1_000, sabotage, most: 1) != [])
  }

  @Test(arguments: Blow.allCases)
  func `a blow at any step leaves a merge that finishes`(blow: Blow) {
    let trial = StepTrial()
    trial.strikeOnce(blow)
    #expect(trial.breaches == [])
    #expect(trial.runCount > 50)
  }
}
