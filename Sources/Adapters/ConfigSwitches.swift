// Which config keys are read, which never change a merge, and which change it in a way that is not
// merged. Anything else that is switched on is refused by name: an unknown switch is how a new
// variant looks to an old tool.
import OrderedJSON

enum ConfigSwitches {
  /// Read by `AdapterConfig`, or by the reader of LoRA itself.
  private static let read: Set<String> = [
    "peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "fan_in_fan_out", "rank_pattern",
    "alpha_pattern", "modules_to_save", "target_parameters", "trainable_token_indices",
    "ensure_weight_tying", "layer_replication", "task_type", "peft_version", "auto_mapping",
    "lora_B_layout",
  ]

  /// Say how training went or which modules were chosen; the tensors in the file say it too.
  private static let harmless: Set<String> = [
    "base_model_name_or_path", "revision", "inference_mode", "lora_dropout", "target_modules",
    "exclude_modules", "layers_to_transform", "layers_pattern", "bias", "lora_bias",
    "megatron_config", "megatron_core", "loftq_config", "corda_config", "eva_config",
    "lora_ga_config", "qalora_group_size", "modules_to_tie", "target_modules_to_tie",
    "runtime_config", "unsloth_fused_expert_lora", "velora_config", "monteclora_config",
  ]

  static let activated = "an activated LoRA acts only after its invocation; it has no merge"

  private static let refused: [String: String] = [
    "alora_invocation_tokens": activated,
    "arrow_config": "Arrow chooses among adapters token by token; it has no merge",
  ]

  /// Values of `init_lora_weights` that leave the base as it was.
  private static let plainInitialisations: Set<String> = [
    "gaussian", "orthogonal", "eva", "mica",
  ]

  /// Read for every family.
  private static let common: Set<String> = [
    "peft_type", "modules_to_save", "task_type", "peft_version", "auto_mapping", "fan_in_fan_out",
  ]

  /// Refuses a switch that is on and known neither to the family nor as harmless.
  static func check(
    _ config: JSON, _ family: Family?, path: String
  ) throws(AdapterError) {
    for member in config.members ?? [] where member.value.isOn {
      let key = member.key
      if key == "init_lora_weights", family?.readsInitialisation != true {
        try checkInitialisation(member.value, path: path)
        continue
      }
      let known = family.map { common.union($0.keys) } ?? read
      if known.contains(key) || harmless.contains(key) { continue }
      let stranger = family.map { "is not known for \($0.name)" } ?? "is not known here"
      throw .switchedOn(
        path: path, key: key, value: member.value.compact,
        reason: (family == nil ? refused[key] : nil)
          ?? "this key \(stranger) and may change the result")
    }
    if family != nil { return }
    let unmarked =
      config["lora_B_layout"] == nil && config["target_parameters"]?.isOn == true
      && config["auto_mapping"]?["unsloth_fixed"]?.bool == true
    if unmarked {
      throw .switchedOn(
        path: path, key: "auto_mapping.unsloth_fixed", value: "true",
        reason: "the file does not say how its expert factors are packed; set \"lora_B_layout\" to "
          + "\"rank_major\" or \"grouped_by_expert\"")
    }
    if let layout = config["lora_B_layout"]?.text,
      !["rank_major", "grouped_by_expert"].contains(layout)
    {
      throw .switchedOn(
        path: path, key: "lora_B_layout", value: "\"\(layout)\"",
        reason: "only \"rank_major\" and \"grouped_by_expert\" are known")
    }
  }

  private static func checkInitialisation(_ value: JSON, path: String) throws(AdapterError) {
    guard let text = value.text else { return }
    let name = text.lowercased()
    if plainInitialisations.contains(name) || name == "true" { return }
    throw .switchedOn(
      path: path, key: "init_lora_weights", value: "\"\(text)\"",
      reason: "this initialisation changed the base before training, so the file alone does not "
        + "hold the update; save it with path_initial_model_for_weight_conversion, which makes it "
        + "an ordinary LoRA")
  }
}
