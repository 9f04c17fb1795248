// Merges back into a quantised form from the command to the folder: what stays, what is said, and
// what is refused with nothing published.
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct RequantizedMergeTests {
  let scratch = Scratch()

  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures/requantised").path()

  /// A copy of the base with files beside the weights, and the adapter.
  private func part(_ name: String) throws -> (base: String, adapter: String) {
    try FileManager.default.copyItem(
      atPath: Self.fixtures + "/\(name)/base", toPath: scratch("base"))
    for file in ["quantize_config.json", "recipe.yaml", "tokenizer.json"] {
      try scratch.write("base/" + file, "{}")
    }
    return (scratch("base"), Self.fixtures + "/\(name)/adapter")
  }

  @Test func `the output is a checkpoint like the base, whoever makes it`() throws {
    let (base, adapter) = try part("float8-block")
    try scratch.write("expected/empty", "")
    try FileManager.default.copyItem(
      atPath: Self.fixtures + "/float8-block/expected.safetensors",
      toPath: scratch("expected/model.safetensors"))
    let expected = try GoldenCheckpoint(scratch("expected")).tensors
    for (index, words) in [
      ["--workers", "0"], ["--workers", "2", "--threads", "2"],
      ["--workers", "2", "--layout", "source", "--memory-limit", "160MB"],
    ].enumerated() {
      let output = scratch("merged-\(index)")
      try GoldenMerge.run(
        base: base, adapters: [adapter], to: output, ["--requantize", "same"] + words)
      let isSame = try GoldenCheckpoint(output).tensors == expected
      #expect(isSame, "\(words)")
      #expect(
        try scratch.read("merged-\(index)/config.json") == scratch.read("base/config.json"))
      let names = try GoldenFolder(output).names
      #expect(names.contains("quantize_config.json") && names.contains("recipe.yaml"))
    }
    for words in [
      ["--base", base], ["--base", base, "--adapter", adapter, "--recompute", "100"],
    ] {
      let verified = try Command.run(["verify", scratch("merged-0")] + words)
      #expect(verified.exitCode == 0, "\(verified)")
    }
    let plan = try Command.run([
      "plan", "--base", base, "--adapter", adapter, "--requantize", "same",
    ])
    #expect(
      plan.output.contains("weights   3 merged and put back into FP8 by block of 32×16\n"),
      "\(plan)")
    let report = try Command.run(["report", scratch("merged-0")])
    #expect(report.exitCode == 0 && report.output.contains("3 changed by updates"), "\(report)")
  }

  @Test func `an update of which most is lost is warned of`() throws {
    let (base, adapter) = try part("packed-int4")
    let run = try Command.run([
      "merge", "--base", base, "--adapter", adapter + "=0.3", "--output", scratch("merged"),
      "--requantize", "same", "--progress", "none",
    ])
    #expect(run.exitCode == 0, "\(run)")
    let sentence =
      "of the elements that the update moves are below the step of compressed-tensors int4 and "
      + "stay as in the base"
    let report = try Command.run(["report", scratch("merged")])
    // Of values, not of the words that hold their codes.
    #expect(report.output.contains("% of 8 064 elements"), "\(report)")
    let lines = run.errors.split(separator: "\n").filter { $0.contains("warning") }
    #expect(lines.count == 3 && lines.allSatisfy { $0.hasSuffix(sentence) }, "\(run)")
  }

  @Test(arguments: ["0", "2"])
  func `an update of which all is lost is refused, and nothing published`(
    _ workers: String
  ) throws {
    let (base, adapter) = try part("packed-int4")
    let words = [
      "merge", "--base", base, "--adapter", adapter + "=0.0001", "--output", scratch("merged"),
      "--requantize", "same", "--progress", "none", "--workers", workers,
    ]
    let refused = try Command.run(words)
    #expect(refused.exitCode == 1, "\(refused)")
    #expect(refused.errors.contains("would lose its update: "), "\(refused)")
    #expect(!FileManager.default.fileExists(atPath: scratch("merged")))
    let kept = try Command.run(words + ["--lost-updates", "keep", "--restart"])
    #expect(kept.exitCode == 0, "\(kept)")
  }

  @Test func `lost updates are of quantised forms alone`() throws {
    let run = try Command.run([
      "merge", "--base", "a", "--adapter", "b", "--output", "c", "--lost-updates", "keep",
    ])
    #expect(run.exitCode == 2, "\(run)")
    #expect(run.errors.contains("--lost-updates keep") && run.errors.contains("--requantize none"))
  }

  @Test func `it cannot be both plain and quantised`() throws {
    let run = try Command.run([
      "merge", "--base", "a", "--adapter", "b", "--output", "c", "--requantize", "same",
      "--dequantize", "touched",
    ])
    #expect(run.exitCode == 2, "\(run)")
    #expect(run.errors.contains("--requantize same") && run.errors.contains("--dequantize touched"))
  }
}
