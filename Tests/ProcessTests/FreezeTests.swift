// A worker that stands still for longer than its lease (a virtual machine that is moved, a host out
// of memory), and comes back when its work has been given to another.
import Foundation
import Glibc
import Testing

@Suite(.timeLimit(.minutes(30)), .onItsOwnThreads)
struct FreezeTests {
  /// When it goes on.
  enum Awakening: CaseIterable {
    case whenItIsLost, whenAllIsDone
  }

  @Test(arguments: Awakening.allCases)
  func `a worker that was taken for dead harms nothing when it goes on`(
    _ awakening: Awakening
  ) async throws {
    let network = try NetworkBench(jobs: 5, writeMilliseconds: 250)
    let coordinator = try network.coordinator()
    let zombie = try await network.worker()
    let other = try await network.worker()
    let assigned = try await network.waitForWork(of: zombie)
    zombie.send(SIGSTOP)
    let stopped = Date()
    let lost = try await JobJournal.first(in: network.job) {
      $0.kind == "lost" && $0.concerns(zombie)
    }
    #expect(lost != nil && Date().timeIntervalSince(stopped) < 20)
    if awakening == .whenItIsLost { zombie.send(SIGCONT) }
    let run = try await coordinator.end(seconds: 60)
    #expect(run.exitCode == 0, "\(run)")
    try network.expectResult()
    let again = try JobJournal(network.job).lines.filter {
      $0.isMerge && $0.attempt?[0] == assigned.attempt?[0]
    }
    // Awake while nobody else has it, it may go on with what it began.
    let isAdopted = try JobJournal(network.job).lines.contains {
      $0.kind == "adopted" && $0.attempt?[0] == assigned.attempt?[0]
    }
    #expect(again.count > 1 || awakening == .whenItIsLost && isAdopted, "\(again)")

    // Its late bytes go to a path that nobody reads.
    if awakening == .whenAllIsDone {
      zombie.send(SIGCONT)
      try await Task.sleep(for: .seconds(4))
    }
    zombie.send(SIGTERM)
    let codes = [try await zombie.end(seconds: 20), try await other.end(seconds: 20)].map(
      \.exitCode)
    #expect(codes.allSatisfy { [0, 75].contains($0) }, "\(codes)")
    try network.expectResult()
    let verified = try Command.run(["verify", network.output, "--progress", "none"])
    #expect(verified.exitCode == 0, "\(verified)")
  }
}
