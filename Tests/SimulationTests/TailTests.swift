// What a slow worker costs the whole, in virtual time: the goals of a cluster of unequal machines.
import Testing

@Suite struct TailTests {
  /// Seven workers of speed 1 and one ten times slower.
  private static let unequal = [0.1] + Array(repeating: 1.0, count: 7)

  /// The makespan as a multiple of the ideal one.
  private func ratio(_ cluster: inout SlowCluster, _ name: String) throws -> Double {
    let ended = cluster.makespan()
    let makespan = try #require(ended)
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

  @Test(arguments: [2, 4]) func `several slow workers cost no more`(slow: Int) throws {
    let jobs = Array(repeating: Int64(30_000_000), count: 80)
    let speeds = (0..<8).map { $0 < slow ? 0.1 : 1.0 }
    var cluster = SlowCluster(jobs, speeds: speeds, readSpeed: 1)
    let found = try ratio(&cluster, "\(slow) of eight slow")
    #expect(found <= 1.2)
    #expect(cluster.doubledPart <= 0.05)
  }

  @Test func `equal workers begin nothing twice`() throws {
    let jobs = (0..<81).map { Int64(30_000_000 - $0 * 100_000) }
    var cluster = SlowCluster(jobs, speeds: Array(repeating: 1.0, count: 8), readSpeed: 2)
    let found = try ratio(&cluster, "eight alike")
    #expect(found <= 1.2)
    #expect(cluster.doubledPart == 0)
  }
}
