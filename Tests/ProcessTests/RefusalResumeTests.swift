// Merges that were begun, or done, and shall go on with something else.
import Foundation
import Safetensors
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct RefusalResumeTests {
  let bench: RefusalBench
  private var scratch: Scratch { bench.scratch }
  private var job: String { scratch("out.shardweld") }

  init() throws { bench = try RefusalBench() }

  /// Stops a merge in the middle: the last layer of its adapter brings a weight that is not finite.
  private func beginMerge() throws {
    var tensors = RefusalBench.pairs
    tensors[3] = SampleTensor(
      tensors[3].name, .f32, [32, 4], Array(repeating: .infinity, count: 128))
    try scratch.write("adapter/adapter_model.safetensors", tensors)
    let run = try Command.run(bench.words(Self.layout + ["--workers", "0"]))
    #expect(run.exitCode == 1, "\(run)")
    #expect(run.errors.contains(RefusalBench.weights[1]), "\(run)")
    #expect(!FileManager.default.fileExists(atPath: scratch("out")))
    let commits = try FileManager.default.contentsOfDirectory(atPath: job + "/commit")
    #expect(commits == ["00000.json"])
  }

  private static let layout = ["--layout", "source"]

  @Test func `a merge goes on only with the same adapter`() throws {
    try beginMerge()
    try bench.writeAdapter()
    try bench.expectRefusal(
      Self.layout,
      naming: [job, "adapter 1 file adapter_model.safetensors", "modified", "--restart"])
    // The way out that the sentence names.
    let run = try Command.run(bench.words(Self.layout + ["--restart"]))
    #expect(run.exitCode == 0, "\(run)")
    #expect(!FileManager.default.fileExists(atPath: job))
  }

  @Test func `a merge goes on only with the same base`() throws {
    try beginMerge()
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSince1970: 1e9)],
      ofItemAtPath: scratch("base/" + RefusalBench.shards[1]))
    try bench.expectRefusal(
      Self.layout, naming: [job, "base file " + RefusalBench.shards[1], "modified"])
  }

  @Test func `a merge goes on only with the same base folder`() throws {
    try beginMerge()
    try FileManager.default.copyItem(atPath: scratch("base"), toPath: scratch("copy"))
    try bench.expectRefusal(
      base: scratch("copy"), Self.layout, naming: [job, "--base was \(scratch("base"))"])
  }

  @Test(arguments: [
    ([], "--layout was source, is now layers"),
    (["--layout", "source", "--dtype", "f32"], "--dtype was keep, is now f32"),
    (["--layout", "source", "--digest", "sha256"], "--digest was xxh3, is now sha256"),
    (["--layout", "source", "--accumulate", "f64"], "--accumulate was f32, is now f64"),
    (["--layout", "source", "--nonfinite", "keep"], "--nonfinite was refuse, is now keep"),
    (["--layout", "source", "--max-shard-size", "1GB"], "--max-shard-size was auto"),
    (
      ["--layout", "source", "--scale", "layers.1=0.5", "--scale", "q_proj=2"],
      "--scale was not given, is now layers.1=0.5 q_proj=2.0"
    ),
    (["--layout", "source", "--only", "layers.0-1"], "--only was not given, is now layers.0-1"),
    (["--layout", "source", "--except", "layers.1"], "--except was not given, is now layers.1"),
  ])
  func `a merge goes on only with the same options`(_ words: [String], _ sentence: String) throws {
    try beginMerge()
    try bench.expectRefusal(words, naming: [job, sentence])
  }

  @Test func `a merge goes on only with the same strength and the same adapters`() throws {
    try beginMerge()
    let adapter = scratch("adapter")
    try bench.expectRefusal(
      adapters: [adapter + "=0.5"], Self.layout, naming: [job, "strength was 1.0, is now 0.5"])
    try bench.writeAdapter("second")
    try bench.expectRefusal(
      adapters: [adapter, scratch("second")], Self.layout,
      naming: [job, scratch("second"), "was not given"])
  }

  @Test func `a config that was edited since is refused`() throws {
    try beginMerge()
    try scratch.write(
      "adapter/adapter_config.json", GoldenModel.adapterConfig(rank: 4, alpha: 8, " "))
    try bench.expectRefusal(Self.layout, naming: [job, scratch("adapter"), "config was modified"])
  }

  // MARK: The output as a base

  @Test func `the same adapter is not merged again into its own output unasked`() throws {
    #expect(try Command.run(bench.words()).exitCode == 0)
    let merged = scratch("out")
    // Wherever the adapter was moved to.
    try FileManager.default.copyItem(atPath: scratch("adapter"), toPath: scratch("renamed"))
    for adapter in ["adapter", "renamed"] {
      try bench.expectRefusal(
        base: merged, adapters: [scratch(adapter)], output: scratch("twice"),
        naming: [merged, scratch(adapter), "--again"])
    }
    let again = try Command.run(bench.words(base: merged, output: scratch("twice"), ["--again"]))
    #expect(again.exitCode == 0, "\(again)")
    // The output of that carries it too, through the manifest's earlier adapters.
    try bench.writeAdapter(
      "other", rank: 2,
      tensors: RefusalBench.modules.flatMap {
        GoldenModel.pair($0, out: 32, in: 16, rank: 2, seed: 90)
      })
    let other = try Command.run(
      bench.words(base: merged, adapters: [scratch("other")], output: scratch("both")))
    #expect(other.exitCode == 0, "\(other)")
    try bench.expectRefusal(
      base: scratch("both"), output: scratch("third"),
      naming: [scratch("both"), scratch("adapter"), "--again"])
  }
}
