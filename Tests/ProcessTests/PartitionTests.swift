// A cable between the coordinator's host and a worker's is pulled: no connection is closed, packets
// just go nowhere.
import Foundation
import Glibc
import Testing

@Suite(
  .timeLimit(.minutes(30)), .onItsOwnThreads,
  .enabled(
    if: NetworkNamespaces.refusal == nil,
    "needs network namespaces: \(NetworkNamespaces.refusal ?? "")"))
struct PartitionTests {
  /// A merge of which one worker is on another host.
  private struct Hosts {
    let network: NetworkBench
    let hosts: NetworkNamespaces
    let coordinator: Command
    let near: Command
    let far: Command
    /// The far worker's first job.
    let assigned: JobJournal.Line

    init(jobs: Int) async throws {
      network = try NetworkBench(jobs: jobs, writeMilliseconds: 400)
      hosts = try NetworkNamespaces()
      let address = "tcp://\(NetworkNamespaces.addresses[0]):5555"
      coordinator = try network.coordinator(listen: address, launcher: hosts.launcher(0))
      near = try await network.worker(connect: address, launcher: hosts.launcher(0))
      far = try await network.worker(connect: address, launcher: hosts.launcher(1))
      assigned = try await network.waitForWork(of: far)
    }

    func finish() async throws {
      let run = try await coordinator.end(seconds: 90)
      #expect(run.exitCode == 0, "\(run)")
      try network.expectResult()
      for worker in [near, far] { worker.send(SIGTERM) }
      let codes = [try await near.end(seconds: 20), try await far.end(seconds: 20)].map(\.exitCode)
      #expect(codes.allSatisfy { [0, 75].contains($0) }, "\(codes)")
      try network.expectResult()
    }
  }

  @Test func `a worker cut off for longer than its lease is replaced, and comes back`() async throws
  {
    let merge = try await Hosts(jobs: 7)
    try merge.hosts.setCable(false)
    let pulled = Date()
    let line = try await JobJournal.first(in: merge.network.job) {
      $0.kind == "lost" && $0.concerns(merge.far)
    }
    let lost = try #require(line)
    let seconds = Double(lost.time) / 1000 - pulled.timeIntervalSince1970
    print("partition: noted after \(String(format: "%.1f", seconds)) s: \(lost.text)")
    #expect(seconds < 17)
    try await Task.sleep(for: .seconds(max(0, 17 - Date().timeIntervalSince(pulled))))
    try merge.hosts.setCable(true)
    try await merge.finish()
    let journal = try JobJournal(merge.network.job)
    #expect((journal.mergesPerJob[merge.assigned.attempt?[0] ?? -1] ?? 0) > 1, "\(journal.lines)")
    let joined = journal.lines.filter { $0.kind == "joined" && $0.concerns(merge.far) }
    print("partition: joined \(joined.count) times")
  }

  @Test func `a cable pulled for three seconds costs no work`() async throws {
    let merge = try await Hosts(jobs: 4)
    try merge.hosts.setCable(false)
    try await Task.sleep(for: .seconds(3))
    try merge.hosts.setCable(true)
    try await merge.finish()
    let journal = try JobJournal(merge.network.job)
    // A job that was not begun yet may be given to another; this one was.
    #expect(journal.mergesPerJob[merge.assigned.attempt?[0] ?? -1] == 1, "\(journal.lines)")
  }
}
