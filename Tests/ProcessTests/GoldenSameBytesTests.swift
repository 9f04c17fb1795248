// Promise 2: the output's bytes depend on the inputs and the options alone.
import Foundation
import Safetensors
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct GoldenSameBytesTests {
  let scratch = Scratch()

  /// Weights of several tiles, in every type that updates can be added to; rows and ranks that fill
  /// no vector.
  private func writeLargeModel() throws {
    try scratch.write(
      "base/model.safetensors",
      [
        GoldenModel.tensor("model.layers.0.a.weight", .bf16, [1031, 2053], seed: 1),
        GoldenModel.tensor("model.layers.0.b.weight", .f16, [515, 701], seed: 2),
        GoldenModel.tensor("model.layers.1.a.weight", .f32, [517, 1033], seed: 3),
        GoldenModel.tensor("model.layers.1.b.weight", .f64, [67, 129], seed: 4),
        GoldenModel.tensor("model.norm.weight", .bf16, [2053], seed: 5),
      ])
    try scratch.write("base/config.json", #"{"model_type": "llama"}"#)
    try scratch.write(
      "first/adapter_model.safetensors",
      GoldenModel.pair("model.layers.0.a", out: 1031, in: 2053, rank: 7, seed: 10)
        + GoldenModel.pair("model.layers.0.b", out: 515, in: 701, rank: 7, dtype: .bf16, seed: 20)
        + GoldenModel.pair("model.layers.1.a", out: 517, in: 1033, rank: 7, dtype: .f16, seed: 30)
        + GoldenModel.pair("model.layers.1.b", out: 67, in: 129, rank: 7, dtype: .f64, seed: 40))
    try scratch.write("first/adapter_config.json", GoldenModel.adapterConfig(rank: 7, alpha: 11))
    try scratch.write(
      "second/adapter_model.safetensors",
      GoldenModel.pair("model.layers.0.b", out: 515, in: 701, rank: 19, seed: 50))
    try scratch.write("second/adapter_config.json", GoldenModel.adapterConfig(rank: 19, alpha: 5))
  }

  private func merge(
    to output: String, _ words: [String] = [], environment: [String: String] = [:]
  ) throws {
    let workers = words.contains("--workers") ? [] : ["--workers", "0"]
    try GoldenMerge.run(
      base: scratch("base"), adapters: [scratch("first"), scratch("second") + "=-0.3"],
      to: scratch(output), words + workers, environment: environment)
  }

  @Test func `threads, memory, workers and instruction sets change no byte of a large merge`()
    throws
  {
    try writeLargeModel()
    try merge(to: "plain", environment: [InstructionSets.variable: "plain"])
    let plain = try GoldenFolder(scratch("plain"))
    let variants: [[String]] = [
      ["--threads", "1", "--memory-limit", "100MB"], ["--threads", "2", "--memory-limit", "256MB"],
      ["--threads", "4", "--memory-limit", "1GB"], ["--threads", "4", "--memory-limit", "100MB"],
      ["--workers", "2", "--threads", "2", "--memory-limit", "100MB"],
      ["--workers", "2", "--io-limit", "100MB/s"], ["--threads", "2", "--io-limit", "100MB/s"],
    ]
    for words in variants {
      let output = words.joined()
      try merge(to: output, words)
      #expect(try GoldenFolder(scratch(output)).differences(plain) == [], "\(words)")
    }
    for name in InstructionSets.all.dropFirst() {
      try merge(to: name, environment: [InstructionSets.variable: name])
      #expect(try GoldenFolder(scratch(name)).differences(plain) == [], "\(name)")
    }
  }

  @Test func `the large merge is that of the contract's order`() throws {
    try writeLargeModel()
    try merge(to: "merged", ["--threads", "2", "--memory-limit", "100MB"])
    let found = try GoldenCheckpoint(scratch("merged")).tensors
    let base = try GoldenCheckpoint(scratch("base")).tensors
    let first = try ReferenceAdapter(scratch("first")).pairs
    let second = try ReferenceAdapter(scratch("second")).pairs
    for (name, weight) in base where weight.dtype != "F64" {
      let pairs = [first[name].map { ($0, 1.0) }, second[name].map { ($0, -0.3) }].compactMap(
        \.self)
      let expected =
        pairs.isEmpty ? weight.bytes : GoldenReference.float32(weight, pairs)
      #expect(found[name]?.bytes == expected, "\(name)")
    }
    let name = "model.layers.1.b.weight"
    #expect(
      found[name]?.bytes == GoldenReference.float64Weight(base[name]!, first[name]!), "\(name)")
  }

  @Test(arguments: ["dora", "dora-f32", "qwen3moe-experts", "conv2d-dora", "embedding", "lora-f16"])
  func `every instruction set gives the same bytes`(_ name: String) throws {
    let golden = GoldenCase(name)
    var first: GoldenFolder?
    for set in InstructionSets.all {
      try golden.merge(to: scratch(set), environment: [InstructionSets.variable: set])
      let folder = try GoldenFolder(scratch(set))
      #expect(folder.differences(first ?? folder) == [], "\(set)")
      first = first ?? folder
    }
  }

  @Test func `the environment does choose the instruction set`() throws {
    let golden = GoldenCase("lora-bf16")
    for set in InstructionSets.all {
      let run = try Command.run(
        [
          "merge", "--base", golden.base, "--adapter", golden.adapters[0], "--output", scratch(set),
          "--workers", "1", "--log-level", "debug",
        ], environment: [InstructionSets.variable: set])
      #expect(run.errors.contains(", \(set)\n"), "\(run)")
    }
  }

  @Test(arguments: [
    "lora-bf16", "two-adapters", "conv2d", "embedding-lm-head", "trainable-tokens", "dora-f32",
  ])
  func `both layouts hold the same tensors with the same bytes`(_ name: String) throws {
    let golden = GoldenCase(name)
    try golden.merge(to: scratch("layers"), "--layout", "layers", "--max-shard-size", "20KB")
    try golden.merge(to: scratch("source"), "--layout", "source")
    let layers = try GoldenCheckpoint(scratch("layers"))
    let source = try GoldenCheckpoint(scratch("source"))
    #expect(layers.shardNames != source.shardNames)
    #expect(layers.tensors == source.tensors)
  }

  @Test(arguments: ["lora-bf16", "two-adapters", "dora"])
  func `a merge repeated elsewhere gives the same folder, manifest and all`(_ name: String) throws {
    let golden = GoldenCase(name)
    try golden.merge(to: scratch("first"))
    let first = try GoldenFolder(scratch("first"))
    #expect(first.names.contains("shardweld.json"))
    try golden.merge(to: scratch("first again"))
    #expect(try GoldenFolder(scratch("first again")).differences(first) == [])
    // Other paths, other times of modification.
    let files = FileManager.default
    try files.copyItem(atPath: golden.folder, toPath: scratch("moved"))
    for name in try files.subpathsOfDirectory(atPath: scratch("moved")) {
      try files.setAttributes(
        [.modificationDate: Date(timeIntervalSince1970: 1e9)],
        ofItemAtPath: scratch("moved/" + name))
    }
    try files.moveItem(atPath: scratch("moved/base"), toPath: scratch("other base"))
    let adapters = golden.adapters.map { scratch("moved/" + URL(filePath: $0).lastPathComponent) }
    try GoldenMerge.run(
      base: scratch("other base"), adapters: adapters, to: scratch("deep/down/result"))
    #expect(try GoldenFolder(scratch("deep/down/result")).differences(first) == [])
  }
}
