// Configs of adapters: what is missing, of the wrong kind, or switched on without being merged.
import Safetensors
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct RefusalConfigTests {
  let bench: RefusalBench
  private var config: String { bench.scratch("adapter/adapter_config.json") }

  init() throws { bench = try RefusalBench() }

  @Test(arguments: ["", "{", "[]", "7", #"{"r": 4} and more"#, #"{"r": 4, "r": 8}"#])
  func `a config that is no JSON object is refused`(_ text: String) throws {
    try bench.scratch.write("adapter/adapter_config.json", text)
    try bench.expectRefusal(naming: [config])
  }

  @Test(arguments: [
    (#"{"r": 4, "lora_alpha": 8}"#, "peft_type"),
    (#"{"peft_type": 5, "r": 4, "lora_alpha": 8}"#, "peft_type"),
    (#"{"peft_type": "LORA", "lora_alpha": 8}"#, "\"r\""),
    (#"{"peft_type": "LORA", "r": 0, "lora_alpha": 8}"#, "\"r\""),
    (#"{"peft_type": "LORA", "r": -4, "lora_alpha": 8}"#, "\"r\""),
    (#"{"peft_type": "LORA", "r": "4", "lora_alpha": 8}"#, "\"r\""),
    (#"{"peft_type": "LORA", "r": 4}"#, "\"lora_alpha\""),
    (#"{"peft_type": "LORA", "r": 4, "lora_alpha": "much"}"#, "\"lora_alpha\""),
    (#"{"peft_type": "LORA", "r": 4, "lora_alpha": 1e999}"#, "\"lora_alpha\""),
    (#"{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": "yes"}"#, "\"use_rslora\""),
    (#"{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "rank_pattern": [1]}"#, "\"rank_pattern\""),
    (
      #"{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "rank_pattern": {"q_proj": 0}}"#,
      "\"rank_pattern\""
    ),
    (#"{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "alpha_pattern": {"(": 4}}"#, "\"(\""),
  ])
  func `a member that is missing or of the wrong kind is refused by name`(
    _ text: String, _ member: String
  ) throws {
    try bench.scratch.write("adapter/adapter_config.json", text)
    try bench.expectRefusal(naming: [config, member])
  }

  @Test(arguments: ["PSOFT", "XLORA", "ADAMSS", "PREFIX_TUNING", "NEW_KIND"])
  func `a family that is not merged is refused`(_ kind: String) throws {
    try bench.scratch.write(
      "adapter/adapter_config.json", #"{"peft_type": "\#(kind)", "r": 4, "lora_alpha": 8}"#)
    try bench.expectRefusal(naming: [config, kind])
  }

  @Test(arguments: [
    (#""alora_invocation_tokens": [1, 2]"#, "alora_invocation_tokens"),
    (#""arrow_config": {"top_k": 2}"#, "arrow_config"),
    (#""layer_replication": [[0, 2], [3, 1]]"#, "layer_replication"),
    (#""some_future_switch": true"#, "some_future_switch"),
    (#""init_lora_weights": "pissa_niter_16""#, "init_lora_weights"),
    (#""init_lora_weights": "loftq""#, "init_lora_weights"),
    (#""init_lora_weights": "corda""#, "init_lora_weights"),
    (#""init_lora_weights": "lora_ga""#, "init_lora_weights"),
    (#""lora_B_layout": "diagonal""#, "lora_B_layout"),
    (
      #""target_parameters": ["mlp.experts.down_proj"], "auto_mapping": {"unsloth_fixed": true}"#,
      "unsloth_fixed"
    ),
  ])
  func `a switch that changes the update is refused by name`(
    _ member: String, _ key: String
  ) throws {
    try bench.writeAdapter(rank: 4, ", " + member)
    try bench.expectRefusal(naming: [config, key])
  }

  @Test func `DoRA without its magnitudes is refused`() throws {
    try bench.writeAdapter(rank: 4, #", "use_dora": true"#)
    try bench.expectRefusal(
      naming: [bench.scratch("adapter"), "\"\(RefusalBench.modules[0])\"", "lora_magnitude_vector"])
  }

  @Test func `magnitudes without DoRA are refused`() throws {
    let name = "base_model.model.\(RefusalBench.modules[0]).lora_magnitude_vector"
    try bench.writeAdapter(
      tensors: RefusalBench.pairs + [GoldenModel.tensor(name, .f32, [32], seed: 1)])
    try bench.expectRefusal(naming: [config, "use_dora", "\"\(name)\""])
  }
}
