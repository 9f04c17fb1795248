// Tied embeddings: a change of one side must not reach the other.
import Foundation
import Safetensors
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct GoldenTieTests {
  let scratch = Scratch()

  private let table = "model.embed_tokens.weight"
  private let head = "lm_head.weight"

  /// A tied model of 24 × 16 with one layer; `head` stores the second copy too.
  private func writeBase(_ config: String, head: Bool = false) throws {
    let shape = [24, 16]
    try scratch.write(
      "base/model.safetensors",
      [
        GoldenModel.tensor(table, .bf16, shape, seed: 1),
        GoldenModel.tensor("model.layers.0.self_attn.q_proj.weight", .bf16, [16, 16], seed: 2),
      ] + (head ? [GoldenModel.tensor(self.head, .bf16, shape, seed: 1)] : []))
    try scratch.write("base/config.json", config)
  }

  /// As transformers writes it.
  private static let tied = """
    {
      "architectures": [
        "LlamaForCausalLM"
      ],
      "model_type": "llama",
      "tie_word_embeddings": true,
      "vocab_size": 24
    }

    """

  private func merge() throws -> [String: GoldenTensor] {
    try GoldenMerge.run(
      base: scratch("base"), adapters: [scratch("adapter")], to: scratch("merged"))
    return try GoldenCheckpoint(scratch("merged")).tensors
  }

  private func config() throws -> String {
    String(decoding: try scratch.read("merged/config.json"), as: UTF8.self)
  }

  /// The embedding's pair gives the table (B·A)ᵀ: the same sums with the factors exchanged.
  private func pair(_ a: String, _ b: String, isEmbedding: Bool) throws -> ReferenceAdapter.Pair {
    let tensors = try GoldenCheckpoint(scratch("adapter")).tensors
    let (a, b) = (tensors["base_model.model." + a]!, tensors["base_model.model." + b]!)
    guard isEmbedding else { return .init(a: a, b: b, scale: 2) }
    return .init(a: transposed(b), b: transposed(a), scale: 2)
  }

  private func transposed(_ tensor: GoldenTensor) -> GoldenTensor {
    let (rows, columns) = (tensor.shape[0], tensor.shape[1])
    var result = tensor
    result.shape = [columns, rows]
    let size = tensor.bytes.count / tensor.elementCount
    result.bytes = (0..<(rows * columns)).flatMap { index in
      let from = (index % rows * columns + index / rows) * size
      return tensor.bytes[from..<(from + size)]
    }
    return result
  }

  private func writeEmbeddingAdapter() throws {
    try scratch.write(
      "adapter/adapter_model.safetensors",
      GoldenModel.embeddingPair("model.embed_tokens", rows: 24, columns: 16, rank: 4, seed: 5))
    try scratch.write("adapter/adapter_config.json", GoldenModel.adapterConfig(rank: 4, alpha: 8))
  }

  @Test(arguments: [false, true])
  func `a change of the embedding leaves the head as it was and unties them`(
    _ storesHead: Bool
  ) throws {
    try writeBase(Self.tied, head: storesHead)
    try writeEmbeddingAdapter()
    let base = try GoldenCheckpoint(scratch("base")).tensors
    let merged = try merge()
    #expect(merged[head]?.bytes == base[table]?.bytes)
    let pair = try pair(
      "model.embed_tokens.lora_embedding_A", "model.embed_tokens.lora_embedding_B",
      isEmbedding: true)
    #expect(merged[table]?.bytes == GoldenReference.float32(base[table]!, [(pair, 1)]))
    #expect(
      try config()
        == Self.tied.replacing(
          "\"tie_word_embeddings\": true", with: "\"tie_word_embeddings\": false"))
  }

  @Test func `a change of the head leaves the embedding as it was and unties them`() throws {
    try writeBase(Self.tied)
    try scratch.write(
      "adapter/adapter_model.safetensors",
      GoldenModel.pair("lm_head", out: 24, in: 16, rank: 4, seed: 7))
    try scratch.write("adapter/adapter_config.json", GoldenModel.adapterConfig(rank: 4, alpha: 8))
    let base = try GoldenCheckpoint(scratch("base")).tensors
    let merged = try merge()
    #expect(merged[table] == base[table])
    let pair = try pair("lm_head.lora_A.weight", "lm_head.lora_B.weight", isEmbedding: false)
    #expect(merged[head]?.bytes == GoldenReference.float32(base[table]!, [(pair, 1)]))
    #expect(merged[head]?.dtype == "BF16")
    #expect(try config().contains("\"tie_word_embeddings\": false"))
  }

  @Test func `a nested config is untied where it says so`() throws {
    try writeBase(
      #"{"model_type": "llama", "text_config": {"tie_word_embeddings": true, "vocab_size": 24}}"#)
    try writeEmbeddingAdapter()
    #expect(try merge()[head] != nil)
    let json = try JSONSerialization.jsonObject(with: Data(try scratch.read("merged/config.json")))
    let config = try #require(json as? [String: Any])
    let text = try #require(config["text_config"] as? [String: Any])
    #expect(text["tie_word_embeddings"] as? Bool == false)
    #expect(config["tie_word_embeddings"] as? Bool == false)
    #expect(text["vocab_size"] as? Int == 24)
  }

  @Test func `trained rows change both sides and keep the tie and the config`() throws {
    try writeBase(Self.tied)
    let rows = GoldenModel.tensor(
      "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta", .f32, [2, 16],
      seed: 9)
    try scratch.write(
      "adapter/adapter_model.safetensors",
      [rows]
        + GoldenModel.pair("model.layers.0.self_attn.q_proj", out: 16, in: 16, rank: 4, seed: 3))
    try scratch.write(
      "adapter/adapter_config.json",
      GoldenModel.adapterConfig(rank: 4, alpha: 8, #", "trainable_token_indices": [3, 20]"#))
    let base = try GoldenCheckpoint(scratch("base")).tensors
    let merged = try merge()
    #expect(merged[head] == nil)
    #expect(try config() == Self.tied)
    var expected = base[table]!.bytes
    let values = try GoldenCheckpoint(scratch("adapter")).tensors[rows.name]!.floats
    for (index, row) in [3, 20].enumerated() {
      let new = values[(index * 16)..<(index * 16 + 16)]
        .flatMap { GoldenReference.bytes(of: $0, "BF16") }
      expected.replaceSubrange((row * 32)..<(row * 32 + 32), with: new)
    }
    #expect(merged[table]?.bytes == expected)
  }
}
