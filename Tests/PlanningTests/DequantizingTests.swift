// Which weights of a quantised base become plain, and what the plan says of it.
import Checkpoints
import Foundation
import OrderedJSON
import Planning
import Safetensors
import Testing

private let up = "model.layers.0.mlp.up_proj"
private let down = "model.layers.0.mlp.down_proj"
private let q = "model.layers.0.self_attn.q_proj"

/// Two FP8 weights with a scale each and a plain one.
private let tensors: [TinyModel.Tensor] = [
  ("model.norm.weight", .bf16, [4]), (q + ".weight", .bf16, [6, 4]),
  (up + ".weight", .f8E4M3, [8, 4]), (up + ".weight_scale_inv", .f32, [2, 1]),
  (up + ".input_scale", .f32, []),
  (down + ".weight", .f8E4M3, [4, 8]), (down + ".weight_scale_inv", .f32, [1, 2]),
  ("model.layers.0.self_attn.k_scale", .f32, []), ("lm_head.weight", .bf16, [4, 4]),
]

private func config(_ more: String = "", top: String = #""dtype": "bfloat16""#) -> String {
  #"{"model_type": "llama", \#(top), "quantization_config": {"quant_method": "fp8", "weight_block_size": [4, 4]\#(more)}}"#
}

private func model(_ config: String = config()) throws -> TinyModel {
  try TinyModel(tensors, config: config)
}

@Test func `an adapter that touches no quantised weight leaves all as it is`() throws {
  let model = try model()
  try model.add(TinyModel.pair(q, out: 6, in: 4))
  let plan = try model.plan { $0.dtype = .f32 }
  #expect(plan.options.dequantize == .auto)
  #expect(!plan.configChanges.contains { $0.path == ["quantization_config"] })
  #expect(plan.jobs.flatMap(\.recipes).count == tensors.count)
  // Another type is for plain tensors alone: a scale's bytes mean nothing without its codes.
  for name in [up + ".weight", up + ".weight_scale_inv", down + ".weight_scale_inv"] {
    #expect(try #require(plan.recipe(name)).isCopy, "\(name)")
  }
  #expect(plan.recipe(q + ".weight")?.dtype == .f32)
}

@Test func `an adapter that touches one quantised weight makes all plain`() throws {
  let model = try model()
  try model.add(TinyModel.pair(up, out: 8, in: 4))
  let plan = try model.plan()
  #expect(plan.options.dequantize == .all)
  let names = plan.jobs.flatMap(\.recipes).map(\.name)
  #expect(
    names.sorted()
      == [
        down + ".weight", up + ".weight", "lm_head.weight", "model.norm.weight", q + ".weight",
      ].sorted())
  let recipe = try #require(plan.recipe(up + ".weight"))
  #expect(recipe.dtype == .bf16 && recipe.shape == [8, 4] && recipe.updates.count == 1)
  #expect(recipe.source.dtype == .f8E4M3 && recipe.sourceDType == .bf16 && !recipe.isCopy)
  #expect(recipe.decoding?.operands.map(\.role) == ["codes", "scale"])
  #expect(recipe.summary(plan.inputs).hasPrefix("dequantised from FP8 by block of 4×4; lora"))
  #expect(plan.recipe(down + ".weight")?.updates == [])
  #expect(plan.configChanges == [ConfigChange(path: ["quantization_config"], value: nil)])
  let summary = PlanSummary(plan)
  #expect(summary.forms == ["FP8 by block of 4×4": 2])
  #expect(summary.changedCount == 1 && summary.convertedCount == 1 && summary.copiedCount == 3)
  // Both plans of the same text are the same.
  #expect(try PlanCodec.decode(PlanCodec.encode(plan).bytes) == plan)
}

@Test func `only what is touched becomes plain where that is asked for`() throws {
  let model = try model()
  try model.add(TinyModel.pair(up, out: 8, in: 4))
  let plan = try model.plan { $0.dequantize = .touched }
  let names = plan.jobs.flatMap(\.recipes).map(\.name)
  #expect(names.contains(down + ".weight_scale_inv") && !names.contains(up + ".weight_scale_inv"))
  #expect(names.contains("model.layers.0.self_attn.k_scale"))
  #expect(plan.recipe(down + ".weight")?.dtype == .f8E4M3)
  #expect(
    plan.configChanges == [
      ConfigChange(
        path: ["quantization_config", "modules_to_not_convert"], value: #"["lm_head","\#(up)"]"#)
    ])
}

@Test func `a list of modules that are not quantised is added to where it is there`() throws {
  let model = try model(config(#", "ignored_layers": ["lm_head", "model.norm"]"#))
  try model.add(TinyModel.pair(up, out: 8, in: 4))
  let plan = try model.plan { $0.dequantize = .touched }
  #expect(
    plan.configChanges == [
      ConfigChange(
        path: ["quantization_config", "ignored_layers"],
        value: #"["lm_head","model.norm","\#(up)"]"#)
    ])
}

@Test func `touched is refused where loaders have no list of modules`() throws {
  let model = try model(
    config().replacingOccurrences(of: #""fp8""#, with: #""modelopt""#))
  try model.add(TinyModel.pair(up, out: 8, in: 4))
  #expect(
    model.refusal { $0.dequantize = .touched }
      == "loaders of modelopt have no list of modules that are not quantised, so --dequantize touched would not load; use --dequantize all"
  )
}

@Test func `all makes all plain where nothing is touched`() throws {
  let model = try model()
  try model.add(TinyModel.pair(q, out: 6, in: 4))
  let plan = try model.plan { $0.dequantize = .all }
  #expect(plan.jobs.flatMap(\.recipes).count == 5)
  #expect(plan.recipe(up + ".weight")?.decoding != nil)
}

@Test func `the config names the type that weights now have, at every level that names one`()
  throws
{
  let model = try model(
    #"{"torch_dtype": "float32", "quantization": {"bits": 4}, "text_config": {"dtype": "float32", "quantization_config": {"quant_method": "fp8"}}, "_pre_quantization_dtype": "float32"}"#
  )
  try model.add(TinyModel.pair(up, out: 8, in: 4))
  #expect(
    try model.plan().configChanges == [
      ConfigChange(path: ["quantization"], value: nil),
      ConfigChange(path: ["text_config", "quantization_config"], value: nil),
      ConfigChange(path: ["_pre_quantization_dtype"], value: nil),
      ConfigChange(path: ["torch_dtype"], value: #""bfloat16""#),
      ConfigChange(path: ["text_config", "dtype"], value: #""bfloat16""#),
    ])
}

@Test func `a config that names no type gets one`() throws {
  let model = try model(config(top: #""hidden_size": 4"#))
  try model.add(TinyModel.pair(up, out: 8, in: 4))
  #expect(
    try model.plan().configChanges.contains(
      ConfigChange(path: ["torch_dtype"], value: #""bfloat16""#)))
}

@Test func `another type is given to dequantised weights too`() throws {
  let model = try model()
  try model.add(TinyModel.pair(up, out: 8, in: 4))
  let plan = try model.plan { $0.dtype = .f16 }
  #expect(plan.recipe(up + ".weight")?.dtype == .f16)
  #expect(plan.recipe(up + ".weight")?.decoding?.dtype == .bf16)
  #expect(plan.configChanges.contains(ConfigChange(path: ["dtype"], value: #""float16""#)))
}

@Test func `an adapter of another base is refused where hidden scales were used`() throws {
  let awq: [TinyModel.Tensor] = [
    (up + ".qweight", .i32, [32, 1]), (up + ".qzeros", .i32, [2, 1]),
    (up + ".scales", .f16, [2, 8]),
  ]
  let config =
    #"{"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 16, "version": "gemm"}}"#
  func model(_ base: String) throws -> TinyModel {
    let model = try TinyModel(awq, config: config)
    try model.add(TinyModel.pair(up, out: 8, in: 32), #", "base_model_name_or_path": \#(base)"#)
    return model
  }
  #expect(
    try model(#""org/Llama-7B""#).refusal()
      == "adapter1 was trained on org/Llama-7B, but the base is base, whose weights AWQ has scaled by factors that it does not keep; merge into org/Llama-7B instead"
  )
  // The folder's own name, a name that says AWQ, and none at all are merged, the last two warned of.
  #expect(try model(#""somewhere/base""#).plan().warnings == [])
  #expect(try model(#""org/Llama-7B-AWQ""#).plan().warnings.count == 1)
  let warning = try #require(try model("null").plan().warnings.first)
  #expect(
    warning.hasSuffix(
      "does not name the base that it was trained on; AWQ has scaled the columns of this base's weights, and only an adapter trained on it fits"
    ))
}

@Test func `shards of nothing but scales are gone with them`() throws {
  let model = try model()
  let base = model.root.appending(path: "base")
  try FileManager.default.removeItem(at: base.appending(path: "model.safetensors"))
  let scales = tensors.filter { $0.name.hasSuffix("scale_inv") }
  let rest = tensors.filter { !$0.name.hasSuffix("scale_inv") }
  try TinyModel.write(rest, to: base.appending(path: "model-00001-of-00002.safetensors"))
  try TinyModel.write(scales, to: base.appending(path: "model-00002-of-00002.safetensors"))
  try model.add(TinyModel.pair(up, out: 8, in: 4))
  let plan = try model.plan { $0.layout = .source }
  #expect(plan.jobs.map(\.shardName) == ["model-00001-of-00002.safetensors"])
  #expect(plan.hasIndex)
}

@Test func `a rule that reads a whole quantised weight for a bias is refused`() throws {
  let model = try TinyModel(tensors + [(up + ".bias", .bf16, [8])], config: config())
  try model.add(
    [("\(up).glora_C.Xd", .f32, [4, 2]), ("\(up).glora_C.Xu", .f32, [2, 1])],
    #", "config_A_B": "lora", "config_C": "lora", "config_D_E": "constant""#, kind: "GLORA")
  #expect(
    model.refusal()
      == #"adapter1 brings an update that reads the whole of "\#(up).weight", which is quantised in the base; dequantise the base first"#
  )
}

@Test func `a head that was quantised beside its tied embedding is untied`() throws {
  let model = try TinyModel(
    [
      ("model.embed_tokens.weight", .bf16, [8, 4]), ("lm_head.weight", .f8E4M3, [8, 4]),
      ("lm_head.weight_scale_inv", .f32, [2, 1]), (q + ".weight", .bf16, [6, 4]),
    ],
    config: config(top: #""dtype": "bfloat16", "tie_word_embeddings": true"#))
  try model.add(TinyModel.pair(q, out: 6, in: 4))
  #expect(try model.plan().configChanges == [])
  #expect(
    try model.plan { $0.dequantize = .all }.configChanges == [
      ConfigChange(path: ["tie_word_embeddings"], value: "false"),
      ConfigChange(path: ["quantization_config"], value: nil),
    ])
}
