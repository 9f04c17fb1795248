// Strength and choice of single modules: what becomes of every kind of update, and what is refused.
import Planning
import Safetensors
import Testing

private let q = "model.layers.0.self_attn.q_proj"
private let up = "model.layers.1.mlp.up_proj"
private let base: [TinyModel.Tensor] = [
  ("model.embed_tokens.weight", .f32, [16, 4]), (q + ".weight", .f32, [6, 4]),
  (q + ".bias", .f32, [6]), (up + ".weight", .f32, [6, 4]), ("lm_head.weight", .f32, [16, 4]),
]
private let pairs = TinyModel.pair(q, out: 6, in: 4) + TinyModel.pair(up, out: 6, in: 4)

private func selection(
  scale: [String] = [], only: [String] = [], except: [String] = []
) throws -> ModuleSelection {
  var selection = ModuleSelection()
  selection.scales = try scale.map { try ModuleScale($0) }
  selection.only = try only.map { try ModuleSelector($0) }
  selection.except = try except.map { try ModuleSelector($0) }
  return selection
}

extension MergePlan {
  /// Scale of a tensor's only update, which is a plain pair.
  fileprivate func scale(_ name: String) -> Double? {
    guard let updates = recipe(name)?.updates, updates.count == 1,
      case .lowRank(let low) = updates[0].rule
    else { return nil }
    return low.scale
  }
}

struct ModuleSelectionTests {
  private func model(strength: Double = 1) throws -> TinyModel {
    let model = try TinyModel(base)
    try model.add(pairs, strength: strength)
    return model
  }

  private func plan(
    _ model: TinyModel, scale: [String] = [], only: [String] = [], except: [String] = []
  ) throws -> MergePlan {
    let selection = try selection(scale: scale, only: only, except: except)
    return try model.plan { $0.selection = selection }
  }

  private func refusal(
    _ model: TinyModel, scale: [String] = [], only: [String] = [], except: [String] = []
  ) throws -> String? {
    let selection = try selection(scale: scale, only: only, except: except)
    return model.refusal { $0.selection = selection }
  }

  // MARK: Scale

  @Test func `factors of one module multiply with each other and the adapter's strength`() throws {
    let plan = try plan(model(strength: 0.5), scale: ["mlp=0.5", "layers.1=3", "layers.0=-1"])
    // alpha 4 / r 2 is 2.
    #expect(plan.scale(q + ".weight") == -1 && plan.scale(up + ".weight") == 1.5)
    #expect(
      plan.recipe(up + ".weight")?.updates[0].origin
        == "lora_alpha 4.0 / r 2; --scale mlp=0.5; --scale layers.1=3.0")
    #expect(plan.setAside == [])
  }

  @Test func `a factor for all is the adapter's strength`() throws {
    let scaled = try plan(model(), scale: ["*=0.7"])
    let whole = try model(strength: 0.7).plan()
    #expect(scaled.scale(q + ".weight") == whole.scale(q + ".weight"))
  }

  @Test func `a module that no rule meets is planned as ever`() throws {
    let model = try model()
    let plan = try plan(model, scale: ["mlp=0.5"])
    #expect(plan.recipe(q + ".weight") == (try model.plan().recipe(q + ".weight")))
  }

  @Test func `a rule with a number is for that adapter alone`() throws {
    let model = try model()
    try model.add(pairs)
    let plan = try plan(model, scale: ["2:mlp=0.25"], except: ["1:self_attn"])
    let updates = try #require(plan.recipe(up + ".weight")?.updates)
    #expect(updates.map(\.rule.words) == ["lora rank 2 × 2.0", "lora rank 2 × 0.5"])
    #expect(plan.recipe(q + ".weight")?.updates.map(\.adapter) == [1])
  }

  @Test func `the factor is the strength of every other kind of update`() throws {
    let model = try TinyModel(base)
    try model.add(
      TinyModel.pair(q, out: 6, in: 4) + [
        (q + ".lora_magnitude_vector", .f32, [6]), (q + ".bias", .f32, [6]),
        ("lm_head.weight", .f32, [16, 4]),
        ("model.embed_tokens.token_adapter.trainable_tokens_delta", .f32, [2, 4]),
      ],
      #", "use_dora": true, "bias": "lora_only", "modules_to_save": ["lm_head"], "#
        + #""trainable_token_indices": {"embed_tokens": [1, 3]}"#, strength: 0.5)
    let plan = try plan(
      model, scale: ["q_proj=0.5", "lm_head=0.25", "embed_tokens=3"])
    func words(_ name: String) -> String? { plan.recipe(name)?.updates.last?.rule.words }
    #expect(words(q + ".weight") == "dora rank 2 × 2.0 by row at strength 0.25")
    #expect(words(q + ".bias") == "replace at strength 0.25")
    #expect(words("lm_head.weight") == "replace at strength 0.125")
    #expect(words("model.embed_tokens.weight") == "replace 2 rows at strength 1.5")
    #expect(
      plan.recipe("model.embed_tokens.weight")?.updates.last?.origin
        == "2 trained rows; --scale embed_tokens=3.0")
  }

  @Test func `what is combined is weighed by the strength of its module`() throws {
    let model = try model(strength: 0.5)
    try model.add(pairs)
    let rules = try selection(scale: ["1:mlp=0.5", "2:layers.1=-3"])
    let plan = try model.plan { options in
      options.combination.method = .ties
      options.selection = rules
    }
    let update = try #require(plan.recipe(up + ".weight")?.updates.first)
    guard case .weight(let rule) = update.rule else {
      Issue.record("\(update)")
      return
    }
    #expect(
      rule.numbers.filter { $0.key.hasSuffix("0") || $0.key.hasSuffix("1") }.map(\.value)
        == [2, 2, 0.25, -3])
    #expect(update.origin.contains("; --scale 1:mlp=0.5, lora_alpha"))
  }

  @Test func `the factor is the strength of a family's rule`() throws {
    let model = try TinyModel(base)
    try model.add(
      [(q + ".hada_w1_a", .f32, [6, 2]), (q + ".hada_w1_b", .f32, [2, 4])]
        + [(q + ".hada_w2_a", .f32, [6, 2]), (q + ".hada_w2_b", .f32, [2, 4])],
      #", "alpha": 4"#, kind: "LOHA")
    let update = try #require(
      try plan(model, scale: ["q_proj=0.5"]).recipe(q + ".weight")?.updates.first)
    guard case .weight(let rule) = update.rule else {
      Issue.record("\(update)")
      return
    }
    #expect(rule.strength == 0.5 && update.origin.hasSuffix("; --scale q_proj=0.5"))
  }

  // MARK: Choice

  @Test func `factor 0 leaves a module out`() throws {
    let plan = try plan(model(), scale: ["mlp=0", "mlp=2"])
    #expect(plan.recipe(up + ".weight")?.isCopy == true && plan.scale(q + ".weight") == 2)
    #expect(
      plan.setAside
        == ["A", "B"].map {
          "base_model.model.\(up).lora_\($0).weight: excluded by --scale mlp=0.0"
        })
  }

  @Test func `only what is named is merged`() throws {
    let plan = try plan(model(), only: ["mlp"])
    #expect(plan.recipe(q + ".weight")?.isCopy == true && plan.scale(up + ".weight") == 2)
    #expect(
      plan.setAside
        == ["A", "B"].map {
          "base_model.model.\(q).lora_\($0).weight: excluded by --only"
        })
  }

  @Test func `an exception is stronger than a choice`() throws {
    let plan = try plan(model(), only: ["layers.0-1"], except: ["self_attn"])
    #expect(plan.recipe(q + ".weight")?.isCopy == true && plan.scale(up + ".weight") == 2)
    #expect(plan.setAside.first?.hasSuffix(": excluded by --except self_attn") == true)
  }

  @Test func `--only for one adapter leaves the others whole`() throws {
    let model = try model()
    try model.add(pairs)
    let plan = try plan(model, only: ["2:mlp"])
    #expect(plan.recipe(q + ".weight")?.updates.map(\.adapter) == [0])
    #expect(plan.recipe(up + ".weight")?.updates.map(\.adapter) == [0, 1])
  }

  @Test func `what is left out need not be in the base`() throws {
    let model = try TinyModel(base)
    try model.add(pairs + TinyModel.pair("model.visual.blocks.0.qkv", out: 6, in: 4))
    #expect(model.refusal()?.contains("1 of 3 modules have no weight") == true)
    let plan = try plan(model, except: ["visual"])
    #expect(plan.scale(q + ".weight") == 2 && plan.setAside.count == 2)
  }

  @Test func `a factor of a shared tensor's module sets nothing aside that others read`() throws {
    let model = try TinyModel(base)
    let modules = [q, up].flatMap { module -> [TinyModel.Tensor] in
      [
        ("base_model.model.\(module).vera_lambda_b", .f32, [6]),
        ("base_model.model.\(module).vera_lambda_d", .f32, [2]),
      ]
    }
    let shared: [TinyModel.Tensor] = [
      ("base_model.vera_A", .f32, [2, 4]), ("base_model.vera_B", .f32, [6, 2]),
    ]
    try model.add(
      shared + modules, #", "projection_prng_key": 0"#, kind: "VERA", prefixed: false)
    let plan = try plan(model, except: ["mlp"])
    #expect(
      plan.setAside
        == ["d", "b"].map {
          "base_model.model.\(up).vera_lambda_\($0): excluded by --except mlp"
        })
  }

  @Test func `new tensors may be left out but not scaled`() throws {
    let model = try TinyModel(base)
    try model.add(
      pairs + [("score.weight", .f32, [2, 4])], #", "modules_to_save": ["score"]"#)
    #expect(
      try refusal(model, scale: ["score=0.5"])
        == "adapter1: tensor \"base_model.model.score.weight\" is new to the base or changes its shape, so a strength other than 1 has no meaning for it"
    )
    #expect(try plan(model, scale: ["score=1"]).recipe("score.weight") != nil)
    let plan = try plan(model, scale: ["score=0"])
    #expect(plan.recipe("score.weight") == nil)
    #expect(
      plan.setAside == ["base_model.model.score.weight: excluded by --scale score=0.0"])
  }

  // MARK: Refusals

  @Test func `a rule that meets no module is refused with those that are near`() throws {
    #expect(
      try refusal(model(), scale: ["mpl=0.5"])
        == "--scale mpl=0.5 matches no module of any adapter; the nearest: \"\(up)\"")
    #expect(
      try refusal(model(), only: ["layers.40"])
        == "--only layers.40 matches no module of any adapter; the nearest: \"\(q)\", \"\(up)\"")
    #expect(
      try refusal(model(), except: ["visual"])
        == "--except visual matches no module of any adapter, which are such as \"\(q)\", \"\(up)\""
    )
    #expect(
      try refusal(model(), except: ["1:k_proj"])
        == "--except 1:k_proj matches no module of adapter 1; the nearest: \"\(up)\", \"\(q)\"")
  }

  @Test func `a rule for an adapter that is not given is refused`() throws {
    #expect(
      try refusal(model(), scale: ["2:mlp=0.5"])
        == "--scale 2:mlp=0.5 speaks of adapter 2, but 1 is given")
  }

  @Test func `an adapter of which nothing is left is refused`() throws {
    #expect(
      try refusal(model(), except: ["layers.*"])
        == "adapter1: --only, --except and --scale leave none of its modules; name one that stays, or leave the adapter away"
    )
  }

  @Test func `the sides of a pair trained as one are treated alike`() throws {
    let model = try TinyModel(
      base.dropLast(), config: #"{"model_type": "llama", "tie_word_embeddings": true}"#)
    let tables = ["model.embed_tokens", "lm_head"].flatMap { name -> [TinyModel.Tensor] in
      name == "lm_head"
        ? TinyModel.pair(name, out: 16, in: 4)
        : [
          (name + ".lora_embedding_A", .f32, [2, 16]), (name + ".lora_embedding_B", .f32, [4, 2]),
        ]
    }
    try model.add(pairs + tables, #", "ensure_weight_tying": true"#)
    let sentence =
      "adapter1: \"model.embed_tokens\" and \"lm_head\" were trained as one (ensure_weight_tying), so --scale, --only and --except must treat them alike; name both"
    #expect(try refusal(model, except: ["lm_head"]) == sentence)
    #expect(try refusal(model, scale: ["embed_tokens=0.5"]) == sentence)
    let plan = try plan(model, scale: ["embed_tokens=0.5", "lm_head=0.5"])
    #expect(plan.scale("model.embed_tokens.weight") == 1)
    let none = try self.plan(model, except: ["embed_tokens", "lm_head"])
    #expect(none.recipe("model.embed_tokens.weight")?.isCopy == true && none.setAside.count == 4)
  }

  // MARK: Experts

  @Test func `a stacked parameter is a module of its own`() throws {
    let experts = "model.layers.0.mlp.experts"
    let model = try TinyModel([
      (experts + ".gate_up_proj", .f32, [2, 8, 6]), (experts + ".down_proj", .f32, [2, 6, 6]),
    ])
    // Wrapped one in the other: the first parameter is the deeper.
    try model.add(
      [
        (experts + ".base_layer.lora_A.weight", .f32, [4, 8]),
        (experts + ".base_layer.lora_B.weight", .f32, [6, 4]),
        (experts + ".lora_A.weight", .f32, [4, 6]), (experts + ".lora_B.weight", .f32, [6, 4]),
      ], #", "target_parameters": ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]"#)
    let whole = try model.plan()
    let only = try plan(model, only: ["experts.down_proj"])
    #expect(only.recipe(experts + ".gate_up_proj")?.isCopy == true && only.setAside.count == 2)
    // The square one lies as its sibling tells, which is left out.
    #expect(
      only.recipe(experts + ".down_proj")?.updates
        == whole.recipe(experts + ".down_proj")?.updates)
    let scaled = try plan(model, scale: ["layers.0.mlp.experts=0.5", "gate_up_proj=0.5"])
    let words = scaled.recipe(experts + ".gate_up_proj")?.updates.map(\.rule.words)
    #expect(words == ["lora rank 2 × 0.5", "lora rank 2 × 0.5"])
    #expect(scaled.recipe(experts + ".down_proj")?.updates[1].rule.words == "lora rank 2 × 1.0")
  }
}
