// What a slow worker costs the whole, in virtual time: the goals of a cluster of unequal machines.
import Testing

@Suite struct TailTests {
  /// Seven workers of speed 1 and one ten times slower.
  private static let unequal = [0.1] + Array(repeating: 1.0, count: 7)

  /// The makespan as a multiple of the ideal one.
  private func ratio(_ cluster: inout SlowCluster, _ name: String) throws -> Double {
    let makespan = try #require(cluster.makespan())
    let ratio = Double(makespan) / cluster.idealMilliseconds
    print(
      "\(name): makespan \(makespan) ms, \(ratio) of the ideal, \(cluster.copyCount) copies, "
        + "\(cluster.doubledPart * 100) % begun twice")
    return ratio
  }

  @Test(arguments: [nil, 5.0, 1.0])
  func `a worker ten times slower costs a fifth at most`(readSpeed: Double?) throws {
    let jobs = Array(repeating: Int64(30_000_000), count: 80)  // 30 s each
    var cluster = SlowCluster(jobs, speeds: Self.unequal, readSpeed: readSpeed)
    let found = try ratio(&cluster, "one of eight slow, read at \(readSpeed ?? 0)")
    #expect(found <= 1.2)
    #expect(cluster.doubledPart <= 0.05)
  }
}
