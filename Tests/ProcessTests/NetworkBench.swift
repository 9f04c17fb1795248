// A coordinator and workers that are commands of their own, over TCP, each in a place that may be
// disturbed; every worker is slow, so that there is time to.
import Foundation
import TestSupport
import Testing

/// A merge over the network, jobs of some seconds each.
struct NetworkBench {
  let bench: FaultBench
  /// Of the program, where each write takes a while.
  private let slowness: [String: String]

  var output: String { bench.scratch("net/out") }
  var job: String { output + ".shardweld" }

  /// A job takes twelve writes.
  init(jobs: Int, writeMilliseconds: Int) throws {
    bench = try FaultBench(layers: jobs, tensorsPerLayer: 10)
    let folder = try bench.place("net")
    slowness = Fault.slowWrites(writeMilliseconds, folder: folder)
    let run = try Command.run(["keygen", bench.scratch("keys")])
    try #require(run.exitCode == 0, "\(run)")
  }

  /// `launcher` is a program with its first words, which starts ours in another place.
  func coordinator(
    listen: String = "tcp://127.0.0.1:*", launcher: [String] = []
  ) throws -> Command {
    try start(
      ["coordinator"] + bench.words(output: output)
        + ["--listen", listen, "--keys", bench.scratch("keys"), "--keep-job"], launcher, [:])
  }

  /// A worker that finds the coordinator by the job's folder, or by an address.
  func worker(connect: String? = nil, launcher: [String] = []) async throws -> Command {
    let announced = job + "/epoch/000001.json"
    for _ in 0..<400 where !FileManager.default.fileExists(atPath: announced) {
      try await Task.sleep(for: .milliseconds(10))
    }
    let place = connect.map { ["--connect", $0] } ?? ["--job", job]
    return try start(
      ["worker"] + place + ["--keys", bench.scratch("keys"), "--threads", "1"], launcher, slowness)
  }

  private func start(
    _ words: [String], _ launcher: [String], _ environment: [String: String]
  ) throws -> Command {
    guard let program = launcher.first else {
      return try Command(words, environment: environment)
    }
    return try Command(
      launcher.dropFirst() + [Command.program] + words, environment: environment, program: program)
  }

  /// Waits until a worker is in the middle of a shard.
  func waitForWork(of worker: Command) async throws -> JobJournal.Line {
    let line = try await JobJournal.first(in: job) { $0.isMerge && $0.concerns(worker) }
    let assigned = try #require(line, "\(worker.words) got no job")
    try await Task.sleep(for: .milliseconds(700))
    return assigned
  }

  /// Right bytes, and one commit for each job.
  func expectResult() throws {
    #expect(try GoldenFolder(output).differences(bench.expected) == [])
    let commits = try FileManager.default.contentsOfDirectory(atPath: job + "/commit")
    let shards = bench.expected.names.filter { $0.hasSuffix(".safetensors") }
    #expect(commits.count == shards.count, "\(commits)")
    let committed = try JobJournal(job).lines.filter { $0.kind == "committed" }
    #expect(Set(committed.map { $0.attempt?[0] }).count == committed.count)
  }
}
