// Tied embeddings: a change of one side unties, a change of both keeps the tie.
import Planning
import Safetensors
import Testing

private let tied: [TinyModel.Tensor] = [
  ("model.embed_tokens.weight", .bf16, [16, 4]), ("model.norm.weight", .bf16, [4]),
]
private let config =
  #"{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "tie_word_embeddings": true}"#
private let untied = ConfigChange(path: ["tie_word_embeddings"], value: "false")

private let embedding: [TinyModel.Tensor] = [
  ("model.embed_tokens.lora_embedding_A", .f32, [2, 16]),
  ("model.embed_tokens.lora_embedding_B", .f32, [4, 2]),
]

@Test func `an update of the embedding leaves the head as it was`() throws {
  let model = try TinyModel(tied, config: config)
  try model.add(embedding)
  let plan = try model.plan()
  #expect(plan.recipe("model.embed_tokens.weight")?.updates.count == 1)
  #expect(plan.recipe("lm_head.weight")?.updates.isEmpty == true)
  #expect(plan.recipe("lm_head.weight")?.shape == [16, 4])
  #expect(plan.configChanges == [untied])
}

@Test func `an update of the head leaves the embedding as it was`() throws {
  let model = try TinyModel(tied, config: config)
  try model.add(TinyModel.pair("lm_head", out: 16, in: 4))
  let plan = try model.plan()
  #expect(plan.recipe("model.embed_tokens.weight")?.isCopy == true)
  #expect(plan.recipe("lm_head.weight")?.updates.count == 1)
  #expect(plan.configChanges == [untied])
}

@Test func `updates of both sides go each to its own`() throws {
  let model = try TinyModel(tied, config: config)
  try model.add(
    embedding + TinyModel.pair("lm_head", out: 16, in: 4) + [
      ("model.embed_tokens.base_layer.weight", .bf16, [16, 4]),
      ("lm_head.base_layer.weight", .bf16, [16, 4]),
    ])
  let plan = try model.plan()
  #expect(plan.recipe("model.embed_tokens.weight")?.updates.count == 1)
  #expect(plan.recipe("lm_head.weight")?.updates.count == 1)
  #expect(plan.configChanges == [untied])
}

@Test func `pairs trained as one keep the tie`() throws {
  let model = try TinyModel(tied, config: config)
  try model.add(
    embedding + TinyModel.pair("lm_head", out: 16, in: 4), #", "ensure_weight_tying": true"#)
  let plan = try model.plan()
  #expect(plan.recipe("model.embed_tokens.weight")?.updates.count == 1)
  #expect(plan.recipe("lm_head.weight") == nil)
  #expect(plan.setAside.count == 2)
  #expect(plan.configChanges.isEmpty)
}

@Test func `trained rows count for both sides`() throws {
  let model = try TinyModel(tied, config: config)
  try model.add(
    [("model.embed_tokens.token_adapter.trainable_tokens_delta", .f32, [1, 4])],
    #", "trainable_token_indices": [3]"#)
  let plan = try model.plan()
  #expect(plan.recipe("lm_head.weight") == nil && plan.configChanges.isEmpty)
}

@Test func `a resized table keeps the tie and sets the vocabulary`() throws {
  let model = try TinyModel(
    tied, config: config.dropLast() + #", "vocab_size": 16, "text_config": {"vocab_size": 16}}"#)
  try model.add([("model.embed_tokens.weight", .f32, [20, 4])])
  let plan = try model.plan()
  #expect(plan.recipe("model.embed_tokens.weight")?.shape == [20, 4])
  #expect(plan.recipe("model.embed_tokens.weight")?.dtype == .bf16)
  #expect(
    plan.configChanges == [
      ConfigChange(path: ["vocab_size"], value: "20"),
      ConfigChange(path: ["text_config", "vocab_size"], value: "20"),
    ])
}

@Test func `a model without a head is not untied`() throws {
  let model = try TinyModel(
    [("embeddings.word_embeddings.weight", .f32, [16, 4])],
    config: #"{"architectures": ["BertModel"], "tie_word_embeddings": true}"#)
  try model.add([
    ("embeddings.word_embeddings.lora_embedding_A", .f32, [2, 16]),
    ("embeddings.word_embeddings.lora_embedding_B", .f32, [4, 2]),
  ])
  #expect(try model.plan().configChanges.isEmpty)
}

@Test func `T5 computes differently once untied, so one side alone is refused`() throws {
  let model = try TinyModel(
    [("shared.weight", .f32, [16, 4])],
    config: #"{"architectures": ["T5ForConditionalGeneration"], "model_type": "t5"}"#)
  try model.add([
    ("shared.lora_embedding_A", .f32, [2, 16]), ("shared.lora_embedding_B", .f32, [4, 2]),
  ])
  #expect(
    model.refusal()
      == #"the adapter changes one side of the tied "shared.weight", and a t5 model computes differently once untied; this merge has no exact result"#
  )
}
