import Testing

@testable import Adapters

@Test(arguments: [
  (
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
    "model.layers.0.self_attn.q_proj", TensorKey.Leaf.loraA, 0
  ),
  ("base_model.model.lm_head.lora_B.weight", "lm_head", .loraB, 0),
  ("base_model.model.h.0.attn.c_attn.lora_B.bias", "h.0.attn.c_attn", .loraBias, 0),
  ("base_model.model.q_proj.lora_A.default.weight", "q_proj", .loraA, 0),
  ("base_model.model.model.embed_tokens.lora_embedding_A", "model.embed_tokens", .embeddingA, 0),
  (
    "base_model.model.model.embed_tokens.lora_embedding_B.mine", "model.embed_tokens",
    .embeddingB, 0
  ),
  ("base_model.model.q_proj.lora_magnitude_vector", "q_proj", .magnitude, 0),
  ("base_model.model.q_proj.lora_magnitude_vector.default.weight", "q_proj", .magnitude, 0),
  (
    "base_model.model.model.layers.0.mlp.experts.base_layer.lora_A.weight",
    "model.layers.0.mlp.experts", .loraA, 1
  ),
  (
    "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta",
    "model.embed_tokens", .tokenRows, 0
  ),
  (
    "base_model.model.model.embed_tokens.trainable_tokens_delta", "model.embed_tokens",
    .tokenRows, 0
  ),
  ("base_model.model.lm_head.base_layer.weight", "lm_head", .whole("weight"), 1),
  ("base_model.model.classifier.dense.bias", "classifier.dense", .whole("bias"), 0),
  ("base_model.model.classifier.modules_to_save.bias", "classifier", .wholeCopy("bias"), 0),
  ("base_model.model.score.modules_to_save.default.weight", "score", .wholeCopy("weight"), 0),
  ("base_model.model.classifier.original_module.bias", "classifier", .original, 0),
  ("base_model.model._orig_mod.model.norm.weight", "model.norm", .whole("weight"), 0),
  ("base_model.model.base_model.model.q_proj.lora_A.weight", "q_proj", .loraA, 0),
  // A point that carries an accent is a point all the same.
  ("base_model.model.q.\u{301}k.lora_A.weight", "q.\u{301}k", .loraA, 0),
  (
    "base_model.model.input_layernorm.ln_tuning_layers.default.weight", "input_layernorm",
    .whole("weight"), 0
  ),
  ("base_model.model.layers.0.lora_velora_embed", "layers.0", .helper, 0),
  ("base_model.model.attn.base_layer.out_proj.lora_A.weight", "attn.out_proj", .loraA, 0),
])
func `names of PEFT are taken apart`(
  name: String, module: String, leaf: TensorKey.Leaf, depth: Int
) throws {
  let key = try #require(TensorKey(name))
  #expect(key.module == module)
  #expect(key.leaf == leaf)
  #expect(key.depth == depth)
}

@Test(arguments: [
  "model.layers.0.self_attn.q_proj.lora_A.weight",
  "base_model.model.q_proj.lora_diag",
  "base_model.model..lora_A.weight",
  "base_model.model.lora_A.weight",
  "base_model.model.q_proj.lora_A.default.mine.weight",
  "base_model.model.q_proj.lora_A.bias",
  "base_model.model.base_layer.q_proj.lora_A.weight",
  "lora_unet_down_blocks_0.lora_up.weight",
  "",
])
func `other names are no names of PEFT`(name: String) {
  #expect(TensorKey(name) == nil)
}

@Test(arguments: [
  ("q_proj", "model.layers.0.self_attn.q_proj", true),
  ("q_proj", "q_proj", true),
  ("q_proj", "model.eq_proj", false),
  ("layers.1", "model.layers.1", true),
  ("layers.1", "model.layers.11", false),
  ("self.attn", "model.self_attn", true),
  ("^model.layers.1.mlp.down_proj", "model.layers.1.mlp.down_proj", true),
  ("^layers.1.mlp.down_proj", "model.layers.1.mlp.down_proj", false),
  ("layers\\.2\\.self_attn\\.v_proj", "model.layers.2.self_attn.v_proj", true),
  ("layers\\.(1|3)\\..*", "model.layers.3.mlp", true),
  ("layers\\.(1|3)\\..*", "model.layers.13.mlp", false),
  (".*\\.gate_up_proj", "model.layers.0.mlp.experts.gate_up_proj", true),
])
func `patterns match as in PEFT`(key: String, path: String, matches: Bool) throws {
  let pattern = try #require(NamePattern(key))
  #expect(pattern.matches(path) == matches)
}

@Test func `a broken pattern is noticed`() {
  #expect(NamePattern("layers.(1") == nil)
}
