import Testing

@testable import Adapters

private func config(_ members: String) throws(AdapterError) -> AdapterConfig {
  let text = #"{"peft_type": "LORA", "r": 8, "lora_alpha": 16"# + members + "}"
  return try AdapterConfig(parsing: Array(text.utf8), path: "a/adapter_config.json")
}

private func sentence(_ members: String) -> String? {
  do {
    _ = try config(members)
    return nil
  } catch { return error.sentence }
}

@Test func `scale is alpha over rank`() throws {
  let scale = try config("").scales()("model.layers.0.q_proj")
  #expect(scale.value == 2)
  #expect(scale.rank == 8)
  #expect(scale.origin == "lora_alpha 16.0 / r 8")
}

@Test func `rank stabilisation divides by the root`() throws {
  let scale = try config(#", "use_rslora": true, "rank_pattern": {"up_proj": 2}"#).scales()
  #expect(scale("x.q_proj").value == 16 / 8.0.squareRoot())
  #expect(scale("x.up_proj").value == 16 / 2.0.squareRoot())
}

@Test func `the first pattern in the file wins, rank and alpha each on their own`() throws {
  let scale = try config(
    #", "rank_pattern": {"^model.layers.1.mlp.down_proj": 16, "q_proj": 4},"#
      + #" "alpha_pattern": {"layers\\.2\\.self_attn\\.q_proj": 3, "q_proj": 32}"#
  ).scales()
  #expect(scale("model.layers.1.mlp.down_proj").value == 1)
  #expect(scale("model.layers.0.mlp.down_proj").value == 2)
  #expect(scale("model.layers.0.self_attn.q_proj").value == 8)
  #expect(scale("model.layers.2.self_attn.q_proj").value == 0.75)
  #expect(
    scale("model.layers.2.self_attn.q_proj").origin
      == #"alpha_pattern "layers\.2\.self_attn\.q_proj" 3.0 / rank_pattern "q_proj" 4"#)
}

/// A config as a version of PEFT wrote it, before files named theirs.
private let ages = [
  "0.13": #", "layer_replication": null, "loftq_config": {}"#,
  "0.14": #", "layer_replication": null, "eva_config": null"#,
  "0.15": #", "layer_replication": null, "eva_config": null, "corda_config": null"#,
  "0.18": #", "layer_replication": null, "peft_version": "0.18.0""#,
  "": "",
]

/// What `update_layer` was given for a module by the versions themselves: rank, then alpha.
@Test(arguments: [
  ("0.13", #""rank_pattern": {"q": 4}, "alpha_pattern": {"0.q": 32}"#, "l.0.q", 4, 16.0),
  ("0.14", #""rank_pattern": {"q": 4}, "alpha_pattern": {"0.q": 32}"#, "l.0.q", 4, 32),
  ("0.15", #""rank_pattern": {"q": 4}, "alpha_pattern": {"0.q": 32}"#, "l.0.q", 4, 32),
  ("", #""rank_pattern": {"q": 4}, "alpha_pattern": {"0.q": 32}"#, "l.0.q", 4, 32),
  ("0.13", #""rank_pattern": {"k": 4}, "alpha_pattern": {"0.q": 32}"#, "l.0.q", 8, 32),
  ("0.13", #""rank_pattern": {"q": 4}, "alpha_pattern": {"x": 1, "q": 2}"#, "l.0.q", 4, 2),
  ("0.13", #""rank_pattern": {"head": 4}"#, "head", 4, 16),
  ("0.13", #""rank_pattern": {"h..d": 4}"#, "head", 8, 16),
  ("0.14", #""rank_pattern": {"h..d": 4}"#, "head", 8, 16),
  ("0.15", #""rank_pattern": {"h..d": 4}"#, "head", 4, 16),
  ("0.14", #""rank_pattern": {"^l.0.q": 4}"#, "l.0.q", 8, 16),
  ("0.18", #""rank_pattern": {"^l.0.q": 4}"#, "l.0.q", 4, 16),
  ("0.14", #""rank_pattern": {"k|q": 4}"#, "l.0.q", 8, 16),
  ("0.14", #""rank_pattern": {"k|l.0.q": 4}"#, "l.0.q", 4, 16),
  ("0.15", #""rank_pattern": {"k|q": 4}"#, "l.0.q", 4, 16),
])
func `patterns are read as the version that wrote them does`(
  version: String, patterns: String, path: String, rank: Int, alpha: Double
) throws {
  let scale = try config(ages[version]! + ", " + patterns).scales()(path)
  #expect(scale.rank == rank && scale.alpha == alpha)
}

@Test func `heads of the three tasks count as saved`() throws {
  #expect(try config(#", "task_type": "SEQ_CLS""#).modulesToSave == ["classifier", "score"])
  #expect(try config(#", "task_type": "QUESTION_ANS""#).modulesToSave == ["qa_outputs"])
  #expect(try config(#", "task_type": "CAUSAL_LM""#).modulesToSave == [])
}

@Test func `token rows come as a list or by module`() throws {
  let list = try config(#", "trainable_token_indices": [3, 7]"#).tokenRows
  #expect(list.count == 1 && list[0].module == nil && list[0].rows == [3, 7])
  let map = try config(#", "trainable_token_indices": {"embed_tokens": [1]}"#).tokenRows
  #expect(map.count == 1 && map[0].module == "embed_tokens" && map[0].rows == [1])
}

@Test(arguments: [
  (
    #", "alora_invocation_tokens": [1, 2]"#,
    #"a/adapter_config.json: "alora_invocation_tokens" is [1,2]: an activated LoRA acts only after its invocation; it has no merge"#
  ),
  (
    #", "arrow_config": {"top_k": 2}"#,
    #"a/adapter_config.json: "arrow_config" is {"top_k":2}: Arrow chooses among adapters token by token; it has no merge"#
  ),
  (
    #", "layer_replication": [[0, 2], [3, 3]]"#,
    #"a/adapter_config.json: "layer_replication" must be a list of pairs of layers, from and to; correct the file or save the adapter again"#
  ),
  (
    #", "layer_replication": true"#,
    #"a/adapter_config.json: "layer_replication" must be a list of pairs of layers, from and to; correct the file or save the adapter again"#
  ),
  (
    #", "use_newlora": true"#,
    #"a/adapter_config.json: "use_newlora" is true: this key is not known here and may change the result"#
  ),
  (
    #", "init_lora_weights": "pissa_niter_4""#,
    #"a/adapter_config.json: "init_lora_weights" is "pissa_niter_4": this initialisation changed the base before training, so the file alone does not hold the update; save it with path_initial_model_for_weight_conversion, which makes it an ordinary LoRA"#
  ),
  (
    #", "kasa_config": {"beta": 1}, "init_lora_weights": "loftq""#,
    #"a/adapter_config.json: "init_lora_weights" is "loftq": this initialisation changed the base before training, so the file alone does not hold the update; save it with path_initial_model_for_weight_conversion, which makes it an ordinary LoRA"#
  ),
  (
    #", "use_bdlora": {"nblocks": 2}, "init_lora_weights": "pissa""#,
    #"a/adapter_config.json: "init_lora_weights" is "pissa": this initialisation changed the base before training, so the file alone does not hold the update; save it with path_initial_model_for_weight_conversion, which makes it an ordinary LoRA"#
  ),
  (
    #", "kasa_config": {"beta": 1}, "use_dora": true"#,
    #"a/adapter_config.json: "use_dora" is true: this key is not known for LORA with kasa_config and may change the result"#
  ),
  (
    #", "use_qalora": true, "use_dora": true"#,
    #"a/adapter_config.json: "use_dora" is true: this key is not known for LORA with use_qalora and may change the result"#
  ),
  (
    #", "lora_B_layout": "other""#,
    #"a/adapter_config.json: "lora_B_layout" is "other": only "rank_major" and "grouped_by_expert" are known"#
  ),
  (
    #", "auto_mapping": {"unsloth_fixed": true}, "target_parameters": ["experts.down_proj"]"#,
    #"a/adapter_config.json: "auto_mapping.unsloth_fixed" is true: the file does not say how its expert factors are packed; set "lora_B_layout" to "rank_major" or "grouped_by_expert""#
  ),
  (
    #", "rank_pattern": {"q": 0}"#,
    #"a/adapter_config.json: "rank_pattern" must be patterns with whole numbers above 0; correct the file or save the adapter again"#
  ),
  (
    #", "rank_pattern": {"q_(proj": 4}"#,
    #"a/adapter_config.json: pattern "q_(proj" is not a regular expression that can be read"#
  ),
  (
    #", "use_rslora": "yes""#,
    #"a/adapter_config.json: "use_rslora" must be true or false; correct the file or save the adapter again"#
  ),
  (
    #", "trainable_token_indices": ["a"]"#,
    #"a/adapter_config.json: "trainable_token_indices" must be lists of token numbers; correct the file or save the adapter again"#
  ),
])
func `switches and members that cannot be merged are refused by name`(
  members: String, expected: String
) {
  #expect(sentence(members) == expected)
}

@Test(arguments: [
  (
    #"{"peft_type": "XLORA"}"#,
    "a: peft_type XLORA is not merged: what it does depends on the input, so no one weight "
      + "stands for it; keep it as an adapter"
  ),
  (
    #"{"r": 8}"#,
    #"a: "peft_type" must be a text such as "LORA"; correct the file or save the adapter again"#
  ),
  (
    #"{"peft_type": "LORA", "lora_alpha": 16}"#,
    #"a: "r" must be a whole number above 0; correct the file or save the adapter again"#
  ),
  (
    #"{"peft_type": "LORA", "r": 0, "lora_alpha": 16}"#,
    #"a: "r" must be a whole number above 0; correct the file or save the adapter again"#
  ),
  (
    #"{"peft_type": "LORA", "r": 8, "lora_alpha": null}"#,
    #"a: "lora_alpha" must be a number; correct the file or save the adapter again"#
  ),
  (#"[1]"#, #"a: "(the file)" must be an object; correct the file or save the adapter again"#),
  (
    #"{"peft_type": "LORA", "r": 8, "r": 4, "lora_alpha": 1}"#,
    #"a is not valid JSON: key "r" stands twice, again at byte 30"#
  ),
])
func `configs that are no LoRA config are refused`(text: String, expected: String) {
  var found: String?
  do {
    _ = try AdapterConfig(parsing: Array(text.utf8), path: "a")
  } catch { found = error.sentence }
  #expect(found == expected)
}

@Test func `switches that are off and settings of training are fine`() {
  #expect(
    sentence(
      #", "use_qalora": false, "arrow_config": null, "layer_replication": [], "lora_dropout": 0.1,"#
        + #" "target_modules": ["q"], "init_lora_weights": "gaussian", "eva_config": {"rho": 2}"#)
      == nil)
}
