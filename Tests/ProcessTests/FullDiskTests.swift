// No room for the output: the disk fills up meanwhile, or files may not grow as large as a shard.
import Foundation
import Glibc
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)), .onItsOwnThreads)
struct FullDiskTests {
  private static let slowness = 150

  @Test(
    .enabled(
      if: MountedFolder.refusal == nil, "needs to mount: \(MountedFolder.refusal ?? "")"))
  func `a disk that fills up stops the merge with 75, and with room it goes on`() async throws {
    let bench = try FaultBench(layers: 6, tensorsPerLayer: 2, columns: 2000)
    let disk = try MountedFolder(byteCount: 16_000_000)
    let words = bench.merge(output: disk.path + "/out", workers: 1) + ["--keep-job"]
    let job = disk.path + "/out.shardweld"
    let merge = try Command(
      words, environment: Fault.slowWrites(Self.slowness, folder: disk.path, by: .worker))
    _ = try #require(try await JobJournal.first(in: job) { $0.kind == "committed" })
    try disk.fill("filler")
    let full = try await merge.end(seconds: 60)
    #expect(full.exitCode == 75, "\(full)")
    #expect(full.errors.contains("no space left for \(job)"), "\(full)")
    #expect(full.errors.contains("bytes are needed; free some"), "\(full)")
    #expect(!FileManager.default.fileExists(atPath: disk.path + "/out"))
    let kept = try FileManager.default.contentsOfDirectory(atPath: job + "/commit")
      .filter { $0.hasSuffix(".json") }
    #expect(!kept.isEmpty)

    // As full as it was: nothing changes. With room, what was committed is not done again.
    let refused = try await Command(words).end(seconds: 60)
    #expect([2, 75].contains(refused.exitCode) && refused.saysWhy, "\(refused)")
    try FileManager.default.removeItem(atPath: disk.path + "/filler")
    let run = try await Command(words).end(seconds: 60)
    #expect(run.exitCode == 0, "\(run)")
    #expect(try GoldenFolder(disk.path + "/out").differences(bench.expected) == [])
    let repeated = try JobJournal(job).lines.filter { line in
      guard line.isMerge, let attempt = line.attempt else { return false }
      return attempt[1] > 1 && kept.contains("\(String(format: "%05d", attempt[0])).json")
    }
    #expect(repeated.map(\.attempt) == [])
  }

  @Test(arguments: [0, 2], [4_096, 200_000])
  func `files that may not grow large enough are refused in words, not by a signal`(
    _ workers: Int, _ limit: Int
  ) throws {
    let bench = try FaultBench(layers: 2, tensorsPerLayer: 2, columns: 2000)
    let folder = try bench.place("limited")
    let words = bench.merge(output: folder + "/out", workers: workers)
    // Blocks of 512 bytes.
    let run = try Command(
      ["-c", "ulimit -f \(limit / 512); exec \"$0\" \"$@\"", Command.program] + words,
      program: "/bin/sh"
    ).wait(seconds: 60)
    #expect(run.exitCode == 1, "\(run)")
    #expect(run.errors.contains("may not grow so large: "), "\(run)")
    #expect(run.errors.contains("bytes are to be written; raise the limit"), "\(run)")
    try bench.expectRecovery(words, folder: folder, after: run, story: "\(run)")
  }
}
