// Folders that cannot be written, or are taken away while a merge works in them.
import Foundation
import Glibc
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)), .onItsOwnThreads)
struct LostFolderTests {
  /// What is removed, from where the output lies.
  enum Removed: String, CaseIterable {
    case job = "parent/out.shardweld"
    case attempts = "parent/out.shardweld/attempt"
    case commits = "parent/out.shardweld/commit"
    case parent
  }

  @Test(arguments: Removed.allCases, [0, 2])
  func `a folder removed under a running merge stops it cleanly, and the next run is whole`(
    _ removed: Removed, _ workers: Int
  ) async throws {
    // On a busy machine a merge may end before it is hit: the next one is slower.
    for milliseconds in [150, 600, 2_400] {
      if try await strike(removed, workers, milliseconds) { return }
    }
    Issue.record("no merge was slow enough")
  }

  /// False where the merge had ended before its folder was removed.
  private func strike(
    _ removed: Removed, _ workers: Int, _ milliseconds: Int
  ) async throws -> Bool {
    let bench = try FaultBench(layers: 5)
    let folder = try bench.place("parent")
    let words = bench.merge(output: folder + "/out", workers: workers)
    let merge = try Command(
      words,
      environment: Fault.slowWrites(
        milliseconds, folder: folder, by: workers == 0 ? .coordinator : .worker))
    let record = folder + "/out.shardweld/commit/00004.json"
    let other = folder + "/out.shardweld/commit/00000.json"
    for _ in 0..<2_000 {
      if [record, other].contains(where: FileManager.default.fileExists) { break }
      try await Task.sleep(for: .milliseconds(5))
    }
    // Not with FileManager: it stumbles over what the merge adds meanwhile.
    let path = bench.scratch(removed.rawValue)
    _ = try Command.run(["-rf", path], program: "/bin/rm")
    let run = try await merge.end(seconds: 60)
    if run.exitCode == 0 { return false }
    #expect([1, 75].contains(run.exitCode) && run.saysWhy, "\(run)")
    try bench.expectRecovery(words, folder: folder, after: run, story: "\(run)")
    return true
  }

  @Test(
    .enabled(
      if: MountedFolder.refusal == nil, "needs to mount: \(MountedFolder.refusal ?? "")"),
    arguments: [0, 2])
  func `a file system that is read only is told, before and in the middle of a merge`(
    _ workers: Int
  ) async throws {
    let bench = try FaultBench()
    let disk = try MountedFolder(byteCount: 16_000_000)
    let words = bench.merge(output: disk.path + "/out", workers: workers)
    try disk.makeReadOnly()
    func expectRefusal() async throws {
      let run = try await Command(words).end(seconds: 60)
      #expect(run.exitCode == 1, "\(run)")
      #expect(run.saysWhy && run.errors.contains("Read-only file system"), "\(run)")
    }
    try await expectRefusal()
    #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path) == [])

    // Begun, then stopped by a disk that fails, which the system then mounts read only.
    try disk.makeWritable()
    let fault = Fault(
      process: workers == 0 ? .alone : .worker, call: .write, number: 4, action: .eio,
      repeats: true)
    let stopped = try await Command(
      words, environment: fault.environment(folder: disk.path, tally: FaultTally(nil))
    ).end(seconds: 60)
    #expect(stopped.exitCode == 1, "\(stopped)")
    try disk.makeReadOnly()
    try await expectRefusal()
    try disk.makeWritable()
    try bench.expectRecovery(words, folder: disk.path, after: stopped, story: "\(stopped)")
  }
}
