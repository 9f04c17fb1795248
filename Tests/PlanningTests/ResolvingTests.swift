// Names and shapes of adapters against bases: what is found, and what is refused with which words.
import Planning
import Safetensors
import Testing

private let llama: [TinyModel.Tensor] = [
  ("model.embed_tokens.weight", .bf16, [16, 4]),
  ("model.layers.0.self_attn.q_proj.weight", .bf16, [6, 4]),
  ("model.layers.0.self_attn.o_proj.weight", .bf16, [4, 4]),
  ("model.layers.0.self_attn.q_proj.bias", .bf16, [6]),
  ("model.norm.weight", .bf16, [4]),
  ("lm_head.weight", .bf16, [16, 4]),
]
private let q = "model.layers.0.self_attn.q_proj"

@Test func `a plain pair becomes one update with strides of its own`() throws {
  let model = try TinyModel(llama)
  try model.add(TinyModel.pair(q, out: 6, in: 4), strength: 0.5)
  let recipe = try #require(try model.plan().recipe(q + ".weight"))
  #expect(recipe.columns == 4 && recipe.updates.count == 1)
  guard case .lowRank(let low) = recipe.updates[0].rule else {
    Issue.record("no pair")
    return
  }
  #expect(low.rank == 2 && low.scale == 1)
  #expect(low.left.rowStride == 2 && low.left.columnStride == 1)
  #expect(low.right.rowStride == 4 && low.right.columnStride == 1)
}

@Test(arguments: [
  // adapter's spelling, base's spelling
  ("model.layers.0.q", "layers.0.q"), ("layers.0.q", "model.layers.0.q"),
  ("transformer.h.0.c", "h.0.c"), ("encoder.layer.0.q", "bert.encoder.layer.0.q"),
  ("model.language_model.layers.0.q", "language_model.model.layers.0.q"),
  ("language_model.model.layers.0.q", "model.language_model.layers.0.q"),
  ("model.layers.0.q", "model.language_model.layers.0.q"),
  ("model.visual.blocks.0.q", "visual.blocks.0.q"),
  ("backbone.layers.0.q", "model.layers.0.q"),
])
func `prefixes are exchanged where the whole adapter fits`(adapter: String, base: String) throws {
  let model = try TinyModel([(base + ".weight", .f32, [6, 4]), ("other.weight", .f32, [4])])
  try model.add(TinyModel.pair(adapter, out: 6, in: 4))
  #expect(try model.plan().recipe(base + ".weight")?.updates.count == 1)
}

@Test func `a part of a name is no match`() throws {
  let model = try TinyModel([("model.layers.11.eq_proj.weight", .f32, [6, 4])])
  try model.add(TinyModel.pair("model.layers.1.q_proj", out: 6, in: 4))
  #expect(
    model.refusal()
      == #"adapter1: 1 of 1 modules have no weight in the base, such as "model.layers.1.q_proj"; the adapter was trained on another model"#
  )
}

@Test func `one module that is not found stops the whole adapter`() throws {
  let model = try TinyModel(llama)
  try model.add(
    TinyModel.pair(q, out: 6, in: 4)
      + TinyModel.pair("model.layers.7.self_attn.q_proj", out: 6, in: 4))
  #expect(
    model.refusal()
      == #"adapter1: 1 of 2 modules have no weight in the base, such as "model.layers.7.self_attn.q_proj"; the base has "model.layers.0.self_attn.q_proj.weight": check that it is the adapter's base"#
  )
}

@Test func `two ways to read the names are refused`() throws {
  let model = try TinyModel([
    ("q.weight", .f32, [6, 4]), ("transformer.q.weight", .f32, [6, 4]),
  ])
  try model.add(TinyModel.pair("model.q", out: 6, in: 4))
  #expect(try model.plan().recipe("q.weight")?.updates.count == 1)
  let other = try TinyModel([
    ("bert.q.weight", .f32, [6, 4]), ("transformer.q.weight", .f32, [6, 4]),
  ])
  try other.add(TinyModel.pair("q", out: 6, in: 4))
  #expect(
    other.refusal()
      == #"adapter1: module "q" could mean "transformer.q.weight" or "bert.q.weight" in the base; rename the adapter's tensors to the base's names"#
  )
}

@Test func `a shape that does not fit is refused`() throws {
  let model = try TinyModel(llama)
  try model.add(TinyModel.pair(q, out: 5, in: 4))
  #expect(
    model.refusal()
      == #"adapter1: tensor "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" does not fit "model.layers.0.self_attn.q_proj.weight" of shape [6, 4]: A is [2, 4] and B is [5, 2]"#
  )
}

@Test func `ranks of config and tensors must agree`() throws {
  let model = try TinyModel(llama)
  try model.add(TinyModel.pair(q, out: 6, in: 4, rank: 3))
  #expect(
    model.refusal()
      == #"adapter1: module "model.layers.0.self_attn.q_proj" has rank 3 in its tensors, but 2 by r in the config; one of the two is not this adapter's"#
  )
  let patterned = try TinyModel(llama)
  try patterned.add(TinyModel.pair(q, out: 6, in: 4), #", "rank_pattern": {"q_proj": 8}"#)
  #expect(
    patterned.refusal()
      == #"adapter1: module "model.layers.0.self_attn.q_proj" has rank 2 in its tensors, but 8 by rank_pattern "q_proj" in the config; one of the two is not this adapter's"#
  )
}

@Test func `A and B of different ranks are refused`() throws {
  let model = try TinyModel(llama)
  try model.add([(q + ".lora_A.weight", .f32, [2, 4]), (q + ".lora_B.weight", .f32, [6, 3])])
  #expect(
    model.refusal()
      == #"adapter1: tensor "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight" does not fit "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" of shape [2, 4]: B has shape [6, 3], their ranks differ"#
  )
}

@Test(arguments: [
  ("lora_A", "lora_B", [2, 4]), ("lora_B", "lora_A", [6, 2]),
])
func `half a pair is refused`(has: String, lacks: String, shape: [Int]) throws {
  let model = try TinyModel(llama)
  try model.add([("\(q).\(has).weight", .f32, shape)])
  #expect(
    model.refusal()
      == #"adapter1: module "\#(q)" has \#(has) but no \#(lacks); the file is incomplete"#)
}

@Test func `DoRA without magnitudes and magnitudes without DoRA are refused`() throws {
  let model = try TinyModel(llama)
  try model.add(TinyModel.pair(q, out: 6, in: 4), #", "use_dora": true"#)
  #expect(
    model.refusal()
      == #"adapter1: module "\#(q)" has lora_A but no lora_magnitude_vector (use_dora is true); the file is incomplete"#
  )
  let other = try TinyModel(llama)
  try other.add(
    TinyModel.pair(q, out: 6, in: 4) + [(q + ".lora_magnitude_vector", .f32, [6])])
  #expect(
    other.refusal()
      == #"adapter1/adapter_config.json: "use_dora" is false: but tensor "base_model.model.\#(q).lora_magnitude_vector" belongs to DoRA; one of the two is wrong"#
  )
  let short = try TinyModel(llama)
  try short.add(
    TinyModel.pair(q, out: 6, in: 4) + [(q + ".lora_magnitude_vector", .f32, [5])],
    #", "use_dora": true"#)
  #expect(
    short.refusal()
      == #"adapter1: tensor "base_model.model.\#(q).lora_magnitude_vector" does not fit "\#(q).weight" of shape [6, 4]: [5], but 6 magnitudes are needed"#
  )
}

@Test func `DoRA beside another adapter on one weight is refused`() throws {
  let model = try TinyModel(llama)
  try model.add(
    TinyModel.pair(q, out: 6, in: 4) + [(q + ".lora_magnitude_vector", .f32, [6])],
    #", "use_dora": true"#)
  try model.add(TinyModel.pair(q, out: 6, in: 4))
  #expect(
    model.refusal()
      == #"adapter1 is a DoRA adapter and "\#(q).weight" is updated by another adapter too; DoRA depends on the weight it was trained on, so merge it alone"#
  )
}

@Test func `a tensor that fits no rule is refused`() throws {
  let model = try TinyModel(llama)
  try model.add(TinyModel.pair(q, out: 6, in: 4) + [(q + ".lora_diag", .f32, [2])])
  #expect(
    model.refusal()
      == #"adapter1: tensor "base_model.model.\#(q).lora_diag" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"#
  )
  let plain = try TinyModel(llama)
  try plain.add(TinyModel.pair(q, out: 6, in: 4), prefixed: false)
  #expect(
    plain.refusal()?.hasPrefix(#"adapter1: tensor "model.layers.0.self_attn.q_proj.lora_A"#) == true
  )
}

@Test func `the same pair under two spellings is refused`() throws {
  let model = try TinyModel(llama)
  try model.add(
    TinyModel.pair(q, out: 6, in: 4) + [(q + ".lora_A.default.weight", .f32, [2, 4])])
  #expect(model.refusal()?.contains("mean the same; keep one of them") == true)
}

@Test func `empty and integer tensors are refused`() throws {
  let model = try TinyModel(llama)
  try model.add([(q + ".lora_A.weight", .f32, [0, 4]), (q + ".lora_B.weight", .f32, [6, 0])])
  #expect(
    model.refusal()
      == #"adapter1: tensor "base_model.model.\#(q).lora_A.weight" has no elements; sharded training must gather the adapter before it is saved (ZeRO-3, FSDP)"#
  )
  let integer = try TinyModel(llama)
  try integer.add(TinyModel.pair(q, out: 6, in: 4, .i8))
  #expect(
    integer.refusal()
      == #"adapter1: tensor "base_model.model.\#(q).lora_A.weight" is I8; F64, F32, F16 or BF16 expected"#
  )
}

@Test func `a whole tensor must be announced or be in the base`() throws {
  let model = try TinyModel(llama)
  try model.add(TinyModel.pair(q, out: 6, in: 4) + [("score.weight", .f32, [3, 4])])
  #expect(
    model.refusal()
      == #"adapter1: tensor "base_model.model.score.weight" would replace "score.weight", which the base does not have and modules_to_save does not announce; check that it is the adapter's base"#
  )
  let announced = try TinyModel(llama, config: #"{"architectures": ["LlamaForCausalLM"]}"#)
  try announced.add(
    TinyModel.pair(q, out: 6, in: 4) + [("score.weight", .f32, [3, 4])],
    #", "task_type": "SEQ_CLS""#)
  let plan = try announced.plan()
  #expect(plan.recipe("score.weight")?.dtype == .bf16)
  #expect(
    plan.configChanges.contains(
      ConfigChange(path: ["architectures"], value: #"["LlamaForSequenceClassification"]"#)))
  #expect(plan.configChanges.contains { $0.path == ["id2label"] })
}

@Test func `a bias update needs a bias`() throws {
  let model = try TinyModel(llama)
  let o = "model.layers.0.self_attn.o_proj"
  try model.add(
    TinyModel.pair(o, out: 4, in: 4) + [(o + ".lora_B.bias", .f32, [4])], #", "lora_bias": true"#)
  #expect(
    model.refusal()
      == #"adapter1: module "\#(o)" brings a bias update, but the base has no "\#(o).bias""#)
}

@Test func `an update of a quantised or integer weight is refused`() throws {
  let model = try TinyModel([(q + ".weight", .i8, [6, 4])])
  try model.add(TinyModel.pair(q, out: 6, in: 4))
  #expect(
    model.refusal()
      == #""\#(q).weight" is I8 in the base; updates can be added to F64, F32, F16 and BF16 only"#)
  let quantized = try TinyModel(
    llama, config: #"{"quantization_config": {"quant_method": "gptq"}}"#)
  try quantized.add(TinyModel.pair(q, out: 6, in: 4))
  #expect(
    quantized.refusal()
      == "base: the base's config says that its weights are quantised (gptq), but none of its tensors is; remove the quantisation from its config, or fetch the checkpoint again"
  )
}

@Test func `a grouped convolution is refused`() throws {
  let model = try TinyModel([("conv.weight", .f32, [8, 2, 3, 3])])
  try model.add([
    ("conv.lora_A.weight", .f32, [2, 4, 3, 3]), ("conv.lora_B.weight", .f32, [8, 2, 1, 1]),
  ])
  #expect(
    model.refusal()
      == #"adapter1: tensor "base_model.model.conv.lora_A.weight" aims at the grouped convolution "conv.weight", which has no merge"#
  )
}

@Test func `rows outside the table and rows given twice are refused`() throws {
  let model = try TinyModel(llama)
  try model.add(
    [("model.embed_tokens.token_adapter.trainable_tokens_delta", .f32, [2, 4])],
    #", "trainable_token_indices": [3, 16]"#)
  #expect(
    model.refusal()
      == #"adapter1: tensor "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta" holds row 16, but the embedding has 16 rows"#
  )
  let twice = try TinyModel(llama)
  for _ in 0..<2 {
    try twice.add(
      [("model.embed_tokens.token_adapter.trainable_tokens_delta", .f32, [1, 4])],
      #", "trainable_token_indices": [3]"#)
  }
  #expect(
    twice.refusal()
      == #"adapter1 and adapter2 both bring row 3 for "model.embed_tokens.weight"; merge them one after the other, or leave one out"#
  )
}

@Test func `two adapters that both bring a whole tensor are refused`() throws {
  let model = try TinyModel(llama)
  for _ in 0..<2 {
    try model.add([("lm_head.weight", .f32, [16, 4])], #", "modules_to_save": ["lm_head"]"#)
  }
  #expect(
    model.refusal()
      == #"adapter1 and adapter2 both bring a whole tensor for "lm_head.weight"; merge them one after the other, or leave one out"#
  )
}

@Test func `a strength other than one is refused for what is new`() throws {
  let model = try TinyModel(llama)
  try model.add(
    [("score.weight", .f32, [3, 4])], #", "modules_to_save": ["score"]"#, strength: 0.5)
  #expect(
    model.refusal()
      == #"adapter1: tensor "base_model.model.score.weight" is new to the base or changes its shape, so a strength other than 1 has no meaning for it"#
  )
}

@Test func `square Conv1D weights follow the model's type`() throws {
  for (type, transposed) in [("gpt2", true), ("llama", false)] {
    let model = try TinyModel(
      [("transformer.h.0.attn.c_proj.weight", .f32, [4, 4])],
      config: #"{"model_type": "\#(type)"}"#)
    try model.add(TinyModel.pair("transformer.h.0.attn.c_proj", out: 4, in: 4))
    let recipe = try #require(try model.plan().recipe("transformer.h.0.attn.c_proj.weight"))
    guard case .lowRank(let low) = recipe.updates[0].rule else { continue }
    #expect((low.left.rowStride == 1) == transposed)
  }
  let unknown = try TinyModel([("h.0.attn.c_proj.weight", .f32, [4, 4])], config: nil)
  try unknown.add(
    TinyModel.pair("h.0.attn.c_proj", out: 4, in: 4), #", "fan_in_fan_out": true"#)
  #expect(
    unknown.refusal()
      == #"adapter1: module "h.0.attn.c_proj" aims at the square weight "h.0.attn.c_proj.weight" and nothing tells whether it is stored transposed; config.json with its model_type must be in the base"#
  )
}

@Test func `an adapter without anything to merge is refused`() throws {
  let model = try TinyModel(llama)
  try model.add([("score.original_module.weight", .f32, [2, 4])])
  #expect(model.refusal() == "adapter1 holds nothing to merge")
}

@Test func `a shard has room for a byte at least`() throws {
  let model = try TinyModel(llama)
  try model.add(TinyModel.pair(q, out: 6, in: 4))
  #expect(
    model.refusal { $0.maxShardByteCount = 0 }
      == "--max-shard-size is 0 bytes; at least 1 byte is needed")
}

@Test func `an update of another kind that does not fit says what it is for`() throws {
  let model = try TinyModel(llama)
  try model.add(
    [(q + ".shira_weight", .f32, [25]), (q + ".shira_indices", .i64, [2, 25])], kind: "SHIRA")
  #expect(
    model.refusal()
      == #"adapter1: tensor "base_model.model.model.layers.0.self_attn.q_proj.shira_weight" does not fit "model.layers.0.self_attn.q_proj.weight" of shape [6, 4]: it is for a weight of 25 elements or more"#
  )
}
