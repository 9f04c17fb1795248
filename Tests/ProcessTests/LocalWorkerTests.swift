// The workers that a merge starts itself: how many they are, and who comes after the dead.
import Foundation
import Glibc
import Safetensors
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(30)))
struct LocalWorkerTests {
  let scratch = Scratch()

  private func writeModel(layers: Int) throws {
    try scratch.write(
      "base/model.safetensors",
      (0..<layers).map { layer in
        GoldenModel.tensor(
          "model.layers.\(layer).q.weight", .bf16, [300, 500], seed: UInt64(layer))
      })
    try scratch.write("base/config.json", #"{"model_type": "llama"}"#)
    try scratch.write(
      "adapter/adapter_model.safetensors",
      (0..<layers).flatMap { layer in
        GoldenModel.pair(
          "model.layers.\(layer).q", out: 300, in: 500, rank: 8, seed: UInt64(1000 + layer))
      })
    try scratch.write("adapter/adapter_config.json", GoldenModel.adapterConfig(rank: 8, alpha: 16))
  }

  private func words(_ output: String, _ more: [String]) -> [String] {
    [
      "merge", "--base", scratch("base"), "--adapter", scratch("adapter"), "--output",
      scratch(output), "--max-shard-size", "310KB", "--progress", "none",
    ] + more
  }

  @Test func `a shard that is audited has two workers, also where it is the only one`() throws {
    try writeModel(layers: 1)
    let run = try Command(words("out", ["--audit", "100", "--keep-job"])).wait(seconds: 60)
    #expect(run.exitCode == 0, "\(run)")
    let merges = try JobJournal(scratch("out.shardweld")).lines.filter(\.isMerge)
    #expect(merges.map(\.attempt?[0]) == [0, 0])
    #expect(Set(merges.map(\.worker)).count == 2, "by two workers")
  }

  @Test func `workers that die as soon as they come are replaced, many times over`() throws {
    try writeModel(layers: 6)
    let merge = try Command(words("out", ["--workers", "2"]))
    var killed: Set<pid_t> = []
    let end = Date(timeIntervalSinceNow: 60)
    while killed.count < 14, Date() < end {
      for worker in KillTests.children(of: merge.processID) where killed.count < 14 {
        if killed.insert(worker).inserted { kill(worker, SIGKILL) }
      }
      usleep(1_000)
    }
    let run = try merge.wait(seconds: 60)
    #expect(run.exitCode == 0, "\(run)")
    let told = run.errorLines.count {
      $0.hasSuffix("was killed by signal 9; another takes its place")
    }
    #expect(told == 14, "\(run)")
    #expect(try Command.run(["verify", scratch("out"), "--progress", "none"]).exitCode == 0)
  }
}
