// Quantised weights by their tensors and config: what each becomes, and every refusal with the exact
// sentence that a person reads.
import Checkpoints
import Safetensors
import TestSupport
import Testing

struct QuantizedWeightsTests {
  let scratch = Scratch()
  private let x = "model.layers.0.mlp.up_proj"

  private func weights(_ tensors: [SampleTensor], _ config: String) throws -> QuantizedWeights {
    try scratch.write("model.safetensors", tensors)
    try scratch.write("config.json", config)
    return try Checkpoint.open(scratch.path).quantized
  }

  private func sentence(_ tensors: [SampleTensor], _ config: String) throws -> String? {
    try weights(tensors, config).refusal?.sentence
  }

  private func config(_ method: String, _ more: String = "") -> String {
    #"{"dtype": "bfloat16", "quantization_config": {"quant_method": "\#(method)"\#(more)}}"#
  }

  private func tensor(_ leaf: String, _ dtype: DType, _ shape: Int...) -> SampleTensor {
    SampleTensor(x + "." + leaf, dtype, shape)
  }

  private func text(_ leaf: String, _ text: String) -> SampleTensor {
    SampleTensor(x + "." + leaf, .u8, [text.utf8.count], bytes: Array(text.utf8))
  }

  // MARK: bitsandbytes

  private func nibbles(_ state: String, blocks: Int = 1, codes: Int = 16) -> [SampleTensor] {
    [
      tensor("weight", .u8, codes, 1), tensor("weight.absmax", .f32, blocks),
      tensor("weight.quant_map", .f32, 16),
      text("weight.quant_state.bitsandbytes__nf4", state),
    ]
  }

  private let state =
    #"{"quant_type": "nf4", "blocksize": 64, "dtype": "float16", "shape": [4, 8]}"#

  @Test func `a weight of four bits has its blob's shape and type and owns what is beside it`()
    throws
  {
    let found = try weights(nibbles(state), config("bitsandbytes"))
    let weight = try #require(found[x + ".weight"])
    #expect(found.refusal == nil && found.weights.count == 1)
    #expect(weight.shape == [4, 8] && weight.dtype == .f16 && weight.form == "nibbles")
    #expect(weight.title == "bitsandbytes NF4" && !weight.isTransposed)
    #expect(weight.stored.count == 4 && weight.module == x)
    #expect(found.owner(of: x + ".weight.quant_map")?.name == weight.name)
  }

  @Test(arguments: [
    ("nonsense", "a JSON object expected"),
    (
      #"{"blocksize": 64, "dtype": "float16", "shape": [32]}"#,
      "a shape of two dimensions expected, [32] found"
    ),
    (#"{"blocksize": 64, "dtype": "int8", "shape": [4, 8]}"#, #"a dtype expected, "int8" found"#),
    (
      #"{"blocksize": 0, "dtype": "float16", "shape": [4, 8]}"#,
      "an even blocksize expected, 0 found"
    ),
  ]) func `a blob that describes no weight is refused`(state: String, reason: String) throws {
    let sentence = try #require(try sentence(nibbles(state), config("bitsandbytes")))
    #expect(
      sentence.hasPrefix(
        #""\#(x).weight.quant_state.bitsandbytes__nf4" is stored as bitsandbytes NF4: "#))
    #expect(sentence.contains(reason), "\(sentence)")
    #expect(sentence.hasSuffix("fetch the checkpoint again, or use the unquantised base"))
  }

  @Test func `tensors beside a weight of four bits must fit it`() throws {
    #expect(
      try sentence(nibbles(state, codes: 15), config("bitsandbytes"))
        == #""\#(x).weight" is stored as bitsandbytes NF4: 16 bytes expected, 15 found; fetch the checkpoint again, or use the unquantised base"#
    )
    #expect(
      try sentence(nibbles(state, blocks: 2), config("bitsandbytes"))
        == #""\#(x).weight.absmax" is stored as bitsandbytes NF4: F32 of shape [1] expected, F32 of shape [2] found; fetch the checkpoint again, or use the unquantised base"#
    )
    #expect(
      try sentence([nibbles(state)[0], nibbles(state)[3]], config("bitsandbytes"))
        == #""\#(x).weight" is stored as bitsandbytes NF4, but "\#(x).weight.absmax" is in no file of the base; fetch the checkpoint again"#
    )
  }

  @Test func `rows in tiles of LLM int8 are refused`() throws {
    let tiled = SampleTensor(x + ".weight_format", .u8, [], bytes: [1])
    let tensors = [tensor("weight", .i8, 4, 8), tensor("SCB", .f32, 4), tiled]
    #expect(
      try sentence(tensors, config("bitsandbytes"))
        == #""\#(x).weight" is stored as bitsandbytes LLM.int8() in a layout of tiles, which is not read; save it anew with a bitsandbytes of 2023 or later"#
    )
  }

  // MARK: GPTQ and AWQ

  private func gptq(scales: [Int] = [2, 8], zeros: [Int] = [2, 1]) -> [SampleTensor] {
    [
      tensor("qweight", .i32, 4, 8), SampleTensor(x + ".scales", .f16, scales),
      SampleTensor(x + ".qzeros", .i32, zeros),
    ]
  }

  @Test func `GPTQ takes bits and group size from the config`() throws {
    let found = try weights(gptq(), config("gptq", #", "bits": 4, "group_size": 16"#))
    let weight = try #require(found[x + ".weight"])
    #expect(weight.shape == [8, 32] && weight.isTransposed && weight.dtype == .f16)
    #expect(weight.numbers == ["bits": 4, "group": 16, "zeroShift": 1, "isOrdered": 0])
    let second = try weights(
      gptq(), config("gptq", #", "bits": 4, "group_size": 16, "checkpoint_format": "gptq_v2""#))
    #expect(second[x + ".weight"]?.numbers["zeroShift"] == 0)
    let own =
      #", "bits": 8, "group_size": 16, "dynamic": {"-:.*down.*": {}, "+:.*\\.up_proj": {"bits": 4}}"#
    #expect(try weights(gptq(), config("gptq", own))[x + ".weight"]?.numbers["bits"] == 4)
  }

  /// A matcher that tries one way after the other needs years for this.
  @Test(.timeLimit(.minutes(30))) func `an expression from a stranger's config takes no time`()
    throws
  {
    let slow = String(repeating: ".*", count: 30) + "!"
    let own = #", "bits": 4, "group_size": 16, "dynamic": {"+:\#(slow)": {"bits": 8}}"#
    #expect(try weights(gptq(), config("gptq", own))[x + ".weight"]?.numbers["bits"] == 4)
  }

  @Test func `GPTQ without its column order is refused`() throws {
    #expect(
      try sentence(gptq(), config("gptq", #", "bits": 4, "group_size": 16, "desc_act": true"#))
        == #""\#(x).qweight" is stored as GPTQ, but "\#(x).g_idx" is in no file of the base; fetch the checkpoint again"#
    )
  }

  @Test func `GPTQ of odd bits or sizes is refused`() throws {
    #expect(
      try sentence(gptq(), config("gptq", #", "bits": 5, "group_size": 16"#))
        == #""\#(x).qweight" is stored as GPTQ, which bits 5 does not fit; mend the quantisation config, or use the unquantised base"#
    )
    #expect(
      try sentence(
        gptq(scales: [3, 8], zeros: [3, 1]), config("gptq", #", "bits": 4, "group_size": 16"#))
        == #""\#(x).scales" is stored as GPTQ: F16 or BF16 or F32 of shape [2, 8] expected, F16 of shape [3, 8] found; fetch the checkpoint again, or use the unquantised base"#
    )
  }

  @Test(arguments: [
    (#", "checkpoint_format": "marlin""#, "gptq marlin"),
    (#", "is_marlin_format": true"#, "gptq marlin"),
    (#", "checkpoint_format": "gptq_p""#, "gptq gptq_p"),
  ]) func `GPTQ repacked for kernels is refused`(more: String, name: String) throws {
    #expect(
      try sentence(gptq(), config("gptq", more))
        == "the base's weights are stored as \(name), which is not read; use the base that it was quantised from"
    )
  }

  @Test(arguments: ["aqlm", "vptq", "quanto", "eetq", "higgs", "bitnet", "quark"])
  func `methods that have no plain form are refused by name`(method: String) throws {
    #expect(
      try sentence([tensor("weight", .u8, 2, 2)], config(method))
        == "the base's weights are stored as \(method), which is not read; use the base that it was quantised from"
    )
  }

  @Test func `packed words of no named method are refused`() throws {
    #expect(
      try sentence(gptq(), #"{"model_type": "llama"}"#)
        == #""\#(x).qweight" is stored as qweight without a method, which is not read; name gptq or awq as quant_method in config.json, if it is one of them"#
    )
  }

  // MARK: FP8

  private let f8 = #", "weight_block_size": [4, 4]"#

  @Test func `FP8 finds its scale in another shard and keeps the config's block at ragged edges`()
    throws
  {
    try scratch.write("a.safetensors", [tensor("weight", .f8E4M3, 6, 7)])
    try scratch.write(
      "b.safetensors", [tensor("weight_scale_inv", .f32, 2, 2), tensor("input_scale", .f32)])
    try scratch.write(
      "model.safetensors.index.json",
      #"{"weight_map": {"\#(x).weight": "a.safetensors", "\#(x).weight_scale_inv": "b.safetensors"}}"#
    )
    try scratch.write("config.json", config("fp8", f8))
    let weight = try #require(try Checkpoint.open(scratch.path).quantized[x + ".weight"])
    #expect(weight.numbers["blockRows"] == 4 && weight.numbers["blockColumns"] == 4)
    #expect(weight.title == "FP8 by block of 4×4" && weight.dtype == .bf16)
    #expect(weight.operands.map(\.tensor.shard) == [0, 1])
    #expect(weight.stored.contains(x + ".input_scale"))
  }

  @Test func `FP8 without a scale, or with two, is refused`() throws {
    #expect(
      try sentence(
        [
          tensor("weight", .f8E4M3, 4, 4), SampleTensor("y.weight", .f8E4M3, [4, 4]),
          SampleTensor("y.weight_scale", .f32, [1]),
        ], config("fp8"))
        == #""\#(x).weight" is stored as FP8, but "\#(x).weight_scale_inv" is in no file of the base; fetch the checkpoint again"#
    )
    #expect(
      try sentence(
        [
          tensor("weight", .f8E4M3, 4, 4), tensor("weight_scale", .f32, 1),
          tensor("weight_scale_inv", .f32, 1),
        ], config("fp8"))
        == #""\#(x).weight" is stored as FP8: one scale expected, "\#(x).weight_scale_inv" and "\#(x).weight_scale" found; fetch the checkpoint again, or use the unquantised base"#
    )
  }

  @Test func `a grid of scales that fits no block is refused`() throws {
    #expect(
      try sentence(
        [tensor("weight", .f8E4M3, 6, 7), tensor("weight_scale_inv", .f32, 4, 2)], config("fp8"))
        == #""\#(x).weight_scale_inv" is stored as FP8: a scale for each block, whose size the config tells, expected, shape [4, 2] found; fetch the checkpoint again, or use the unquantised base"#
    )
  }

  // MARK: What is not known

  @Test func `a config that no tensor bears out is refused`() throws {
    #expect(
      try sentence([tensor("weight", .bf16, 4, 4)], config("fp8"))
        == "the base's config says that its weights are quantised (fp8), but none of its tensors is; remove the quantisation from its config, or fetch the checkpoint again"
    )
  }

  @Test func `a form that is not known is refused by name, but buffers of plain models are not`()
    throws
  {
    let good = [tensor("weight", .f8E4M3, 4, 4), tensor("weight_scale", .f32, 1)]
    let buffer = SampleTensor("model.embeddings.position_ids", .i32, [1, 8])
    #expect(try sentence(good + [buffer], config("fp8")) == nil)
    #expect(
      try sentence(good + [SampleTensor("y.codes", .u8, [4, 4])], config("fp8"))
        == #""y.codes" is U8 of shape [4, 4], a form of fp8 that is not known; use the unquantised base"#
    )
    #expect(try sentence([SampleTensor("y.codes", .u8, [4, 4])], "{}") == nil)
  }

  @Test func `scales that are called so and belong to no quantised weight stay`() throws {
    let found = try weights(
      [
        tensor("weight", .f8E4M3, 4, 4), tensor("weight_scale", .f32, 1),
        SampleTensor("logit_scale", .f32, []), SampleTensor("router.per_expert_scale", .f32, [4]),
        SampleTensor("model.layers.0.self_attn.k_scale", .f32, []),
      ], config("fp8"))
    #expect(found.spare == ["model.layers.0.self_attn.k_scale"])
    #expect(found.owner(of: "logit_scale") == nil)
  }

  @Test func `rotated weights are refused`() throws {
    #expect(
      try sentence(
        [tensor("weight", .f8E4M3, 4, 4), tensor("weight_scale", .f32, 1)],
        config("compressed-tensors", #", "transform_config": {"config_groups": {"u": {}}}"#))
        == "the base's weights are stored as compressed-tensors with a transform_config (rotated weights), which is not read; use the base that it was quantised from"
    )
  }

  @Test func `AWQ and SmoothQuant leave hidden scales, by config or recipe`() throws {
    func hidden(_ method: String, recipe: String?) throws -> String? {
      _ = try weights([tensor("weight", .bf16, 2, 2)], config(method))
      if let recipe { try scratch.write("recipe.yaml", recipe) }
      return try Checkpoint.open(scratch.path).hiddenScales
    }
    #expect(try hidden("awq", recipe: nil) == "AWQ")
    #expect(try hidden("compressed-tensors", recipe: nil) == nil)
    #expect(
      try hidden("compressed-tensors", recipe: "quant_stage:\n  SmoothQuantModifier: {}\n")
        == "SmoothQuant")
    #expect(try hidden("compressed-tensors", recipe: "AWQModifier: {}") == "AWQ")
  }
}
