import Storage
import Testing

/// The whole cluster under many seeds. A failure prints its seed; `told` gives that run's last lines.
@Suite struct SimulationTests {
  @Test func `every seed finishes with each job committed once by a valid attempt`() {
    for seed in UInt64(1)...400 {
      var cluster = SimulatedCluster(seed: seed)
      if let broken = cluster.run() {
        Issue.record("seed \(seed): \(broken)\n\(told(seed))")
        return
      }
    }
  }

  @Test func `the same seed gives the same trace`() {
    for seed in UInt64(1)...40 {
      var first = SimulatedCluster(seed: seed)
      var second = SimulatedCluster(seed: seed)
      _ = first.run()
      _ = second.run()
      #expect(digest(first.trace) == digest(second.trace), "seed \(seed)")
    }
  }

  @Test func `different seeds give different traces`() {
    var first = SimulatedCluster(seed: 1)
    var second = SimulatedCluster(seed: 2)
    _ = first.run()
    _ = second.run()
    #expect(digest(first.trace) != digest(second.trace))
  }

  private func digest(_ trace: [UInt64]) -> Digest {
    .xxh3(trace.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } })
  }

  /// The last lines of a run that is told in full.
  private func told(_ seed: UInt64) -> String {
    var cluster = SimulatedCluster(seed: seed, tellsStory: true)
    _ = cluster.run()
    let story = cluster.story ?? []
    var text = (story.prefix(1) + story.suffix(60)).joined(separator: "\n")
    for name in [
      "SimulationTests.Weather.", "Coordination.", "CoordinatorMachine.", "Working.",
      "WorkerMachine.", "Messaging.", "Planning.", "Directive.", "WorkerMessage.",
      "CoordinatorMessage.",
    ] { text = text.replacing(name, with: "") }
    return text
  }
}
