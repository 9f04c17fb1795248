// The small merges of Tests/Fixtures/cases, each with the result that PEFT gives, and how near ours
// must come to it.
import Foundation
import Testing

/// One folder of the fixtures.
struct GoldenCase: CustomTestStringConvertible {
  /// How far from PEFT's result ours may be.
  enum Bound {
    /// Every byte is PEFT's.
    case bytes
    /// Element by element at most this much apart, as a share of the tensor's largest absolute
    /// value. PEFT sums these in another order, and F32 shows it.
    case apart(Float)
  }

  var name: String
  var bound: Bound
  /// The folder of the fixtures that holds it.
  var group = "cases"
  /// The folder of the pipeline's part that is the base, where the case has a pipeline.
  var part: String?

  init(_ name: String, _ bound: Bound = .bytes, part: String? = nil) {
    self.name = name
    self.bound = bound
    self.part = part
  }

  var testDescription: String { name + (part.map { "/" + $0 } ?? "") }

  /// All folders, each with the strictest bound that holds, as measured.
  static let all: [GoldenCase] = [
    .init("adalora", .apart(1.2e-7)),
    .init("bert-cls"),
    .init("bias-all"),
    .init("bias-lora-only"),
    .init("boft", .apart(2.7e-7)),
    .init("conv2d", .apart(3e-8)),  // 21 of 6268 elements differ
    .init("conv2d-dora", .apart(1.5e-7)),  // a fifth, by the norms' order of summing
    .init("dora"),
    .init("dora-f32", .apart(2.3e-7)),  // likewise; in 16 bits nothing of it is left
    .init("embedding"),
    .init("embedding-lm-head"),
    .init("fourierft", .apart(2.2e-7)),
    .init("gpt2-conv1d"),
    .init("hra", .apart(4e-7)),
    .init("ia3"),
    .init("ia3-bf16"),
    .init("ln-tuning"),
    .init("loha", .apart(1.6e-5)),  // two elements, by a rounding
    .init("loha-conv", .apart(5.8e-8)),
    .init("lokr", .apart(1e-8)),
    .init("lokr-both", .apart(5.6e-6)),  // one element
    .init("lora-attention-only"),
    .init("lora-bf16"),
    .init("lora-bf16-adapter-bf16"),
    .init("lora-bias"),
    .init("lora-f16"),
    .init("lora-f32"),
    .init("lora-r1"),
    .init("lora-r64"),
    .init("lora-rank-not-multiple"),
    .init("lora-some-layers"),
    .init("mixtral-experts"),
    .init("modules-to-save"),
    .init("oft", .apart(3.2e-7)),
    .init("oft-neumann", .apart(2.6e-7)),
    .init("qwen3moe-attention"),
    .init("qwen3moe-experts"),
    .init("rank-alpha-pattern"),
    .init("rslora"),
    .init("rslora-rank-pattern"),
    .init("t5"),
    .init("tied-embedding"),
    .init("trainable-tokens"),
    .init("trainable-tokens-tied"),
    .init("two-adapters"),
    .init("vera", .apart(1.4e-7)),
  ]

  static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures").path()
  static let root = fixtures + "/cases"

  var folder: String { Self.fixtures + "/" + group + "/" + name }
  var base: String { folder + "/base" + (part.map { "/" + $0 } ?? "") }
  var expected: String { folder + "/expected" + (part.map { "/" + $0 } ?? "") }
  /// In the order of the merge.
  var adapters: [String] {
    ["adapter", "adapter2"].map { folder + "/" + $0 }
      .filter { FileManager.default.fileExists(atPath: $0) }
  }

  /// Merges the case; `words` are further flags, `workers` 0 is one process alone.
  func merge(
    to output: String, _ words: String..., workers: Int = 0, environment: [String: String] = [:]
  ) throws {
    try GoldenMerge.run(
      base: base, adapters: adapters, to: output, words + ["--workers", "\(workers)"],
      environment: environment)
  }
}

/// A merge that must end well.
enum GoldenMerge {
  static func run(
    base: String, adapters: [String], to output: String, _ words: [String] = [],
    environment: [String: String] = [:]
  ) throws {
    var all = ["merge", "--base", base, "--output", output, "--progress", "none"]
    for adapter in adapters { all += ["--adapter", adapter] }
    let run = try Command.run(all + words, environment: environment)
    try #require(run.exitCode == 0, "\(run)")
    #expect(!FileManager.default.fileExists(atPath: output + ".shardweld"))
  }
}
