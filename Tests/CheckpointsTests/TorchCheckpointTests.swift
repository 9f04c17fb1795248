// Bases that torch saved: which files are taken, and names that share bytes.
import Checkpoints
import Safetensors
import Storage
import TestSupport
import Testing

struct TorchCheckpointTests {
  let scratch = Scratch()

  private static let fixtures =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    .joined(separator: "/") + "/Fixtures/torch/merges/"

  /// A file of tensors of 2 × 3, each name with where its elements begin.
  private func file(_ name: String, _ tensors: [(String, Int)]) throws {
    let entries = tensors.map { ($0.0, SamplePickle.tensor(offset: $0.1)) }
    try scratch.write(
      name, SampleZip(pickle: SamplePickle.program(SamplePickle.dict(entries))).bytes)
  }

  private func names() throws -> [String] { try Checkpoint.open(scratch.path).shardNames }

  private func tensors() throws -> [String] {
    try Checkpoint.open(scratch.path).tensors.map(\.name)
  }

  // MARK: Files

  @Test func `safetensors go before what torch saved`() throws {
    try file("pytorch_model.bin", [("a", 0)])
    #expect(try names() == ["pytorch_model.bin"])
    try scratch.write("model.safetensors", [SampleTensor("a", .f32, [2])])
    #expect(try names() == ["model.safetensors"])
  }

  @Test func `an index of torch's files decides`() throws {
    try file("pytorch_model-00001-of-00002.bin", [("a", 0)])
    try file("pytorch_model-00002-of-00002.bin", [("b", 0)])
    try file("pytorch_model.bin", [("old", 0)])
    try scratch.write(
      "pytorch_model.bin.index.json",
      #"{"weight_map":{"a":"pytorch_model-00001-of-00002.bin","#
        + #""b":"pytorch_model-00002-of-00002.bin"}}"#)
    #expect(
      try names() == ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"])
    #expect(try Checkpoint.open(scratch.path).sideFiles.isEmpty)
    let base = try Checkpoint.open(scratch("pytorch_model.bin.index.json"))
    #expect(base.tensors.map(\.name) == ["a", "b"])
  }

  @Test(arguments: ["weights.pth", "weights.pt", "weights.bin"])
  func `a lone file serves under any name, what trainers leave aside`(name: String) throws {
    try file(name, [("a", 0)])
    for other in ["training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state_0.pth"] {
      try scratch.write(other, "x")
    }
    #expect(try names() == [name])
    #expect(try Checkpoint.open(scratch(name)).shardNames == [name])
  }

  @Test(arguments: ["adapter_0.pt", "adapter_model.bin", "pytorch_lora_weights.bin"])
  func `what torch saved of an adapter is no base`(name: String) throws {
    try file(name, [("a", 0)])
    try scratch.write("adapter_config.json", "{}")
    #expect(throws: CheckpointError.adapter(folder: scratch.path)) {
      try Checkpoint.open(scratch.path)
    }
  }

  @Test func `tensors come in the order of safetensors' writer`() throws {
    try file("pytorch_model.bin", [("z", 0), ("b.10", 1), ("b.2", 2)])
    let base = try Checkpoint.open(scratch.path)
    #expect(base.tensors.map(\.name) == ["b.10", "b.2", "z"])
    #expect(base.tensors.allSatisfy { $0.dtype == .f32 && $0.shape == [2, 3] })
    #expect(base.tensors[0].fileOffset == base.tensors[2].fileOffset + 4)
  }

  // MARK: Shared bytes

  private static let tied = [
    ("model.embed_tokens.weight", 0), ("model.norm.weight", 6), ("lm_head.weight", 0),
  ]

  @Test(arguments: [
    #"{"tie_word_embeddings": true}"#, "{}", #"{"text_config": {"tie_word_embeddings": true}}"#,
  ])
  func `of names that share bytes the model's first is kept where the config ties`(
    config: String
  ) throws {
    try file("pytorch_model.bin", Self.tied)
    try scratch.write("config.json", config)
    #expect(try tensors() == ["model.embed_tokens.weight", "model.norm.weight"])
    // The index may name what is left out.
    try scratch.write(
      "pytorch_model.bin.index.json",
      #"{"weight_map":{"lm_head.weight":"pytorch_model.bin"}}"#)
    #expect(try tensors() == ["model.embed_tokens.weight", "model.norm.weight"])
  }

  @Test(arguments: [
    #"{"tie_word_embeddings": false}"#, #"{"text_config": {"tie_word_embeddings": false}}"#, nil,
  ])
  func `each name is a tensor of its own where the config does not tie`(config: String?) throws {
    try file("pytorch_model.bin", Self.tied)
    if let config { try scratch.write("config.json", config) }
    #expect(
      try tensors() == ["lm_head.weight", "model.embed_tokens.weight", "model.norm.weight"])
  }

  @Test func `parts of a storage that are not the same are never left out`() throws {
    try file("pytorch_model.bin", [("a", 0), ("b", 1)])
    try scratch.write("config.json", "{}")
    #expect(try tensors() == ["a", "b"])
  }

  @Test(arguments: [
    "llama-tied", "llama-old", "llama-shared", "gpt2-transposed", "t5-tied", "bert-tied",
  ])
  func `names and their order are those of transformers' save_pretrained`(name: String) throws {
    let torch = try Checkpoint.open(Self.fixtures + name + "/base-torch")
    let plain = try Checkpoint.open(Self.fixtures + name + "/base")
    #expect(torch.tensors.map(\.name) == plain.tensors.map(\.name))
    #expect(torch.tensors.map(\.dtype) == plain.tensors.map(\.dtype))
    #expect(torch.tensors.map(\.shape) == plain.tensors.map(\.shape))
    #expect(torch.tensors.map(\.shard) == plain.tensors.map(\.shard))
  }
}
