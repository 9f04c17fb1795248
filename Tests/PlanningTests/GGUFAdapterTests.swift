// Adapters against .gguf bases: what is refused, and llama.cpp's own LoRAs.
import Adapters
import Planning
import Safetensors
import Testing

struct GGUFAdapterTests {
  private static let lora =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    .joined(separator: "/") + "/Fixtures/gguf/lora.gguf"
  private let q = "model.layers.0.self_attn.q_proj"
  private let before = "; merge into the checkpoint that the base was converted from"

  private func base(
    _ architecture: String = "llama", _ numbers: [String: UInt64] = ["attention.head_count": 2],
    _ tensors: [TinyModel.Tensor] = [
      ("token_embd.weight", .f32, [8, 4]), ("blk.0.attn_q.weight", .f32, [8, 4]),
      ("blk.0.attn_q.bias", .f32, [8]), ("blk.0.attn_norm.weight", .f32, [4]),
    ]
  ) throws -> TinyModel { try TinyModel(gguf: architecture, numbers, tensors) }

  // MARK: llama.cpp's LoRAs

  private let stack: [TinyModel.Tensor] = [
    ("output.weight", .f32, [8, 4]), ("token_embd.weight", .f32, [8, 4]),
    ("blk.0.attn_q.weight", .f32, [6, 4]), ("blk.0.attn_norm.weight", .f32, [4]),
    ("blk.0.ffn_up_exps.weight", .f32, [2, 5, 4]),
  ]

  @Test func `a LoRA of llama_cpp's is laid on the tensors that it names`() throws {
    let model = try base("llama", [:], stack)
    model.add(file: Self.lora)
    let plan = try model.plan()
    #expect(plan.adapters[0].kind == "GGUF")
    func product(_ name: String, _ index: Int = 0) -> (LowRank, Window)? {
      guard let update = plan.recipe(name)?.updates[index],
        case .lowRank(let product) = update.rule
      else { return nil }
      return (product, update.window)
    }
    let (attention, _) = try #require(product("blk.0.attn_q.weight"))
    #expect(attention.scale == 6 && attention.rank == 2 && attention.left.headRows == 0)
    let (second, window) = try #require(product("blk.0.ffn_up_exps.weight", 1))
    #expect(window == Window(rows: 5..<10, columns: 0..<4))
    #expect(second.left.rowStride == 2 && second.right.rowStride == 4)
    // (tokens, r) times (dim, r) the other way round.
    let (table, _) = try #require(product("token_embd.weight"))
    #expect(table.left.rowStride == 2 && table.left.columnStride == 1)
    #expect(table.right.rowStride == 1 && table.right.columnStride == 2)
    let norm = try #require(plan.recipe("blk.0.attn_norm.weight"))
    #expect(norm.source.file == 1 && norm.updates.isEmpty)
  }

  @Test func `a base that is no gguf file is refused`() throws {
    let model = try TinyModel([("blk.0.attn_q.weight", .f32, [6, 4])])
    model.add(file: Self.lora)
    #expect(
      model.refusal()
        == "\(Self.lora) is a LoRA of llama.cpp, for a .gguf base; give the PEFT adapter that it was converted from, or the .gguf model as --base"
    )
  }

  @Test func `a LoRA for another architecture is refused`() throws {
    let model = try base("qwen2", [:], stack)
    model.add(file: Self.lora)
    #expect(
      model.refusal()
        == "\(Self.lora) is for a model of architecture \"llama\", and the base is a \"qwen2\"; give the model that it was trained on"
    )
  }

  @Test func `a LoRA of a table that serves both sides is refused`() throws {
    let model = try base("llama", [:], Array(stack.dropFirst()))
    model.add(file: Self.lora)
    #expect(
      model.refusal()
        == "\(Self.lora) changes one side of \"token_embd.weight\", which the base uses for its output too"
        + before)
  }

  // MARK: Adapters of transformers' models

  @Test func `modules that have the base's own names are laid on them as they are`() throws {
    let model = try base("rwkv7")
    try model.add(TinyModel.pair("blk.0.attn_q", out: 8, in: 4))
    let update = try model.plan().recipe("blk.0.attn_q.weight")?.updates.first
    guard case .lowRank(let product)? = update?.rule else {
      Issue.record("no update")
      return
    }
    #expect(product.left.headRows == 0)
  }

  @Test func `an architecture whose names are not known is refused`() throws {
    let model = try base("rwkv7")
    try model.add(TinyModel.pair(q, out: 8, in: 4))
    #expect(
      model.refusal()
        == "adapter1: what a .gguf base of architecture \"rwkv7\" calls its modules is not known; convert the adapter with llama.cpp's convert_lora_to_gguf.py and give that"
    )
  }

  @Test func `modules without a name, or without a tensor, are refused`() throws {
    var model = try base()
    try model.add(TinyModel.pair("model.layers.0.self_attn.rotary", out: 8, in: 4))
    #expect(
      model.refusal()
        == "adapter1: module \"model.layers.0.self_attn.rotary\" has no known name in a .gguf base of architecture \"llama\"; leave it out with --except, or merge into the checkpoint that the base was converted from"
    )
    model = try base()
    try model.add(
      TinyModel.pair(q, out: 8, in: 4) + [("score.weight", .f32, [2, 4])],
      #", "modules_to_save": ["score"]"#)
    #expect(
      model.refusal()
        == "adapter1: module \"score\" has no known name in a .gguf base of architecture \"llama\"; leave it out with --except, or merge into the checkpoint that the base was converted from"
    )
    model = try base()
    try model.add(TinyModel.pair("model.layers.1.self_attn.q_proj", out: 8, in: 4))
    #expect(
      model.refusal()
        == "adapter1: 1 of 1 modules have no weight in the base, such as \"model.layers.1.self_attn.q_proj\"; the base has \"blk.0.attn_q.weight\": check that it is the adapter's base"
    )
    model = try base()
    try model.add(
      [("model.norm.weight", .f32, [4])], #", "modules_to_save": ["norm"]"#)
    #expect(
      model.refusal()
        == "adapter1: 1 of 1 modules have no weight in the base, such as \"model.norm\"; the adapter was trained on another model"
    )
  }

  @Test(arguments: ["2", "9223372036854775807"])
  func `an expert that the base does not have is refused`(expert: String) throws {
    let module = "model.layers.0.mlp.experts.\(expert).up_proj"
    let model = try base("llama", [:], stack)
    try model.add(TinyModel.pair(module, out: 5, in: 4))
    #expect(
      model.refusal()
        == "adapter1: 1 of 1 modules have no weight in the base, such as \"\(module)\"; the base has \"blk.0.ffn_up_exps.weight\": check that it is the adapter's base"
    )
  }

  @Test func `what would need its rows in another order is refused`() throws {
    func sentence(_ target: String, _ change: String) -> String {
      "adapter1: what it has for \"\(q)\" cannot be laid on \"\(target)\", because llama.cpp's converter \(change)"
        + before
    }
    let order = "puts the rows of its heads in another order"
    var model = try base()
    try model.add([(q + ".weight", .f32, [8, 4])], #", "modules_to_save": ["q_proj"]"#)
    #expect(model.refusal() == sentence("blk.0.attn_q.weight", order))
    model = try base()
    try model.add(
      TinyModel.pair(q, out: 8, in: 4) + [(q + ".bias", .f32, [8])], #", "bias": "all""#)
    #expect(model.refusal() == sentence("blk.0.attn_q.bias", order))
    model = try base()
    try model.add(
      TinyModel.pair(q, out: 8, in: 4) + [(q + ".lora_B.bias", .f32, [8])],
      #", "lora_bias": true"#)
    #expect(model.refusal() == sentence("blk.0.attn_q.bias", order))
    model = try base()
    let loha = ["1_a": [8, 2], "1_b": [2, 4], "2_a": [8, 2], "2_b": [2, 4]]
    try model.add(
      loha.map { (q + ".hada_w" + $0.key, .f32, $0.value) }, #", "alpha": 4"#, kind: "LOHA")
    #expect(model.refusal() == sentence("blk.0.attn_q.weight", order))
    let glm = ["attention.head_count": UInt64(2), "rope.dimension_sections": 1]
    model = try base("glm4", glm)
    try model.add(TinyModel.pair(q, out: 8, in: 4))
    #expect(model.refusal() == sentence("blk.0.attn_q.weight", "sorts its rows anew"))
    model = try base("gptneox", [:], [("blk.0.attn_qkv.weight", .f32, [12, 4])])
    let fused = "gpt_neox.layers.0.attention.query_key_value"
    try model.add(TinyModel.pair(fused, out: 12, in: 4))
    #expect(
      model.refusal()
        == "adapter1: what it has for \"\(fused)\" cannot be laid on \"blk.0.attn_qkv.weight\", because llama.cpp's converter sorts its rows anew"
        + before)
  }

  @Test func `whole tensors that the converter changes are refused`() throws {
    let norm = "model.layers.0.input_layernorm"
    let save = #", "modules_to_save": ["input_layernorm"]"#
    var model = try base("gemma2")
    try model.add([(norm + ".weight", .f32, [4])], save)
    #expect(
      model.refusal()
        == "adapter1: what it has for \"\(norm)\" cannot be laid on \"blk.0.attn_norm.weight\", because llama.cpp's converter adds 1 to it"
        + before)
    model = try base()
    try model.add([(norm + ".weight", .f32, [4])], save)
    #expect(try model.plan().recipe("blk.0.attn_norm.weight")?.source.file == 1)
    model = try base("gpt2", [:], [("blk.0.ffn_up.weight", .f32, [8, 4])])
    let fc = "transformer.h.0.mlp.c_fc"
    try model.add([(fc + ".weight", .f32, [4, 8])], #", "modules_to_save": ["c_fc"]"#)
    #expect(
      model.refusal()
        == "adapter1: what it has for \"\(fc)\" cannot be laid on \"blk.0.ffn_up.weight\", because llama.cpp's converter transposes it"
        + before)
    model = try base("llama", [:], [("token_embd.weight", .f32, [8, 4])])
    try model.add(
      [("model.embed_tokens.weight", .f32, [9, 4])],
      #", "modules_to_save": ["embed_tokens"], "ensure_weight_tying": true"#)
    #expect(
      model.refusal()
        == "adapter1: tensor \"base_model.model.model.embed_tokens.weight\" does not fit \"token_embd.weight\" of shape [8, 4]: [9, 4]"
    )
  }

  @Test func `one side of a table that serves both is refused, both are not`() throws {
    let sentence =
      "adapter1 changes one side of \"token_embd.weight\", which the base uses for its output too"
      + before
    var model = try base()
    try model.add(TinyModel.pair("lm_head", out: 8, in: 4))
    #expect(model.refusal() == sentence)
    model = try base()
    let table = "model.embed_tokens.lora_embedding_"
    let pair: [TinyModel.Tensor] = [(table + "A", .f32, [2, 8]), (table + "B", .f32, [4, 2])]
    try model.add(pair)
    #expect(model.refusal() == sentence)
    model = try base()
    try model.add(
      pair + TinyModel.pair("lm_head", out: 8, in: 4), #", "ensure_weight_tying": true"#)
    #expect(try model.plan().recipe("token_embd.weight")?.updates.count == 1)
    model = try base()
    try model.add(
      [("model.embed_tokens.token_adapter.trainable_tokens_delta", .f32, [1, 4])]
        + TinyModel.pair(q, out: 8, in: 4), #", "trainable_token_indices": [3]"#)
    #expect(try model.plan().recipe("token_embd.weight")?.updates.count == 1)
  }

  @Test func `heads that the metadata does not count are refused`() throws {
    for (key, numbers) in [
      ("llama.attention.head_count", [:]),
      ("llama.attention.head_count", ["attention.head_count": 8]),
      ("llama.attention.head_count", ["attention.head_count": 3]),
    ] as [(String, [String: UInt64])] {
      let model = try base("llama", numbers)
      try model.add(TinyModel.pair(q, out: 8, in: 4))
      #expect(
        model.refusal()
          == "adapter1: the 8 rows of \"\(q)\" are no whole heads by the base's \(key), so their order in \"blk.0.attn_q.weight\" is not known; check that it is the adapter's base"
      )
    }
  }

  @Test func `copied layers are refused`() throws {
    let model = try base("qwen2", [:], [("blk.0.attn_q.weight", .f32, [8, 4])])
    try model.add(
      TinyModel.pair("model.layers.1.self_attn.q_proj", out: 8, in: 4),
      #", "layer_replication": [[0, 1], [0, 1]]"#)
    #expect(model.refusal()?.hasPrefix("adapter1: layer_replication cannot be followed: ") == true)
  }

  @Test func `weights are never taken for transposed`() throws {
    let fc = "transformer.h.0.mlp.c_fc"
    var model = try base("gpt2", [:], [("blk.0.ffn_up.weight", .f32, [4, 4])])
    try model.add(TinyModel.pair(fc, out: 4, in: 4), #", "fan_in_fan_out": true"#)
    let update = try model.plan().recipe("blk.0.ffn_up.weight")?.updates.first
    guard case .lowRank(let product)? = update?.rule else {
      Issue.record("no update")
      return
    }
    #expect(product.left.rowStride == 2)
    model = try base("gpt2", [:], [("blk.0.ffn_up.weight", .f32, [4, 8])])
    try model.add(TinyModel.pair(fc, out: 8, in: 4))
    #expect(
      model.refusal()
        == "adapter1: tensor \"base_model.model.\(fc).lora_A.weight\" does not fit \"blk.0.ffn_up.weight\" of shape [4, 8]: A is [2, 4] and B is [8, 2]"
    )
  }

  @Test func `torchtune's rows of heads lie as the base's do`() throws {
    let tune = "layers.0.attn.q_proj.lora_"
    func add(_ model: TinyModel) throws {
      try model.add(
        [(tune + "a.weight", .f32, [2, 4]), (tune + "b.weight", .f32, [8, 2])], prefixed: false)
    }
    for name in ["llama", "qwen2"] {
      let model = try base(name)
      try add(model)
      let update = try model.plan().recipe("blk.0.attn_q.weight")?.updates.first
      guard case .lowRank(let product)? = update?.rule else {
        Issue.record("no update")
        continue
      }
      #expect(product.left.headRows == 0 && update?.window.rows == 0..<8)
    }
    let model = try base("gemma2")
    try add(model)
    #expect(
      model.refusal()
        == "adapter1: in which order module \"\(q)\" has the rows of its heads is not known for a base of type gemma2; export it with torchtune as a PEFT adapter"
    )
  }
}
