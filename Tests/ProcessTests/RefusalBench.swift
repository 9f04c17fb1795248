// A merge that would work, of which a test breaks one thing. A refusal is right where the program
// ends with exit code 2, says one sentence that names what is wrong, and leaves every file as it was.
import Foundation
import Safetensors
import TestSupport
import Testing

/// A small base of two shards, an adapter for it, and the check of a refusal.
struct RefusalBench {
  let scratch = Scratch()

  static let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
  static let embedding = "model.embed_tokens.weight"
  static let weights = [0, 1].map { "model.layers.\($0).self_attn.q_proj.weight" }
  static let bias = "model.layers.1.self_attn.q_proj.bias"
  static let head = "lm_head.weight"
  static let modules = [0, 1].map { "model.layers.\($0).self_attn.q_proj" }

  init() throws {
    try scratch.write("base/" + Self.shards[0], Self.tensors[0])
    try scratch.write("base/" + Self.shards[1], Self.tensors[1])
    try writeIndex([:])
    try scratch.write(
      "base/config.json",
      #"{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "tie_word_embeddings": false}"#
    )
    try scratch.write("base/tokenizer.json", "{}")
    try writeAdapter()
  }

  /// The base's tensors, shard by shard.
  static var tensors: [[SampleTensor]] {
    [
      [
        GoldenModel.tensor(embedding, .bf16, [24, 16], seed: 1),
        GoldenModel.tensor(weights[0], .bf16, [32, 16], seed: 2),
      ],
      [
        GoldenModel.tensor(weights[1], .bf16, [32, 16], seed: 3),
        GoldenModel.tensor("model.norm.weight", .bf16, [16], seed: 4),
        GoldenModel.tensor(head, .bf16, [24, 16], seed: 5),
      ],
    ]
  }

  /// The adapter's tensors: a pair for each layer.
  static var pairs: [SampleTensor] {
    modules.enumerated().flatMap { index, module in
      GoldenModel.pair(module, out: 32, in: 16, rank: 4, seed: UInt64(10 + 2 * index))
    }
  }

  /// Writes the index; `changes` gives tensors another file, or takes them out where it is "".
  func writeIndex(_ changes: [String: String]) throws {
    var map: [String: String] = [:]
    for (shard, tensors) in zip(Self.shards, Self.tensors) {
      for tensor in tensors { map[tensor.name] = shard }
    }
    map = map.merging(changes) { $1 }.filter { !$0.value.isEmpty }
    let index: [String: Any] = ["metadata": ["total_size": 3616], "weight_map": map]
    let bytes = try JSONSerialization.data(withJSONObject: index, options: .sortedKeys)
    try scratch.write("base/model.safetensors.index.json", Array(bytes))
  }

  /// Writes an adapter: `more` are further members of its config.
  func writeAdapter(
    _ folder: String = "adapter", rank: Int = 4, _ more: String = "",
    tensors: [SampleTensor] = Self.pairs
  ) throws {
    try scratch.write(folder + "/adapter_model.safetensors", tensors)
    try scratch.write(
      folder + "/adapter_config.json", GoldenModel.adapterConfig(rank: rank, alpha: 8, more))
  }

  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: scratch(name)) }

  /// Words of the merge, with the paths as given or as the bench has them.
  func words(
    base: String? = nil, adapters: [String]? = nil, output: String? = nil, _ more: [String] = []
  ) -> [String] {
    var words = ["merge", "--base", base ?? scratch("base"), "--output", output ?? scratch("out")]
    for adapter in adapters ?? [scratch("adapter")] { words += ["--adapter", adapter] }
    return words + ["--progress", "none"] + more
  }

  // MARK: The check

  /// Runs the merge and expects it to be refused with a sentence that has all the words of `naming`.
  func expectRefusal(
    base: String? = nil, adapters: [String]? = nil, output: String? = nil, _ more: [String] = [],
    environment: [String: String] = [:], naming: [String],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try expectRefusal(
      of: words(base: base, adapters: adapters, output: output, more), environment: environment,
      naming: naming, sourceLocation: sourceLocation)
  }

  /// The same of any command line.
  func expectRefusal(
    of words: [String], environment: [String: String] = [:], naming: [String],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try listing()
    let run = try Command.run(words, environment: environment)
    #expect(run.exitCode == 2, "\(run)", sourceLocation: sourceLocation)
    #expect(run.output.isEmpty, "\(run)", sourceLocation: sourceLocation)
    let sentences = run.errorLines.filter { $0.hasPrefix("shardweld: ") }
    let rest = run.errorLines.filter { !$0.hasPrefix("shardweld: ") }
    #expect(sentences.count == 1, "\(run)", sourceLocation: sourceLocation)
    #expect(
      rest.allSatisfy { $0.hasPrefix("See shardweld ") }, "\(run)", sourceLocation: sourceLocation)
    for text in naming {
      #expect(
        sentences.first?.contains(text) == true, "\(text) in \(run)",
        sourceLocation: sourceLocation)
    }
    let after = try listing()
    let touched = Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }
    #expect(touched == [], "\(run)", sourceLocation: sourceLocation)
  }

  /// Everything below the scratch folder, links not followed: folders, and the others' size and
  /// time of change. Who takes up a job's folder notes that in `epoch/`; all else stays.
  private func listing() throws -> [String: String] {
    var listing: [String: String] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: scratch.path)
    where !name.hasPrefix("out.shardweld/epoch") {
      let facts = try FileManager.default.attributesOfItem(atPath: scratch(name))
      let isFolder = facts[.type] as? FileAttributeType == .typeDirectory
      let date = (facts[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
      listing[name] = isFolder ? "folder" : "\(facts[.size] ?? "") \(date)"
    }
    return listing
  }
}
