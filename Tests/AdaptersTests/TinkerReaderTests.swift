// What Tinker's files are read as, and what of them is refused.
import Adapters
import Safetensors
import TestSupport
import Testing

struct TinkerReaderTests {
  private let scratch = Scratch()
  private let model = "base_model.model.model."
  private let experts = "layers.0.mlp.experts."

  /// Pairs by module below `model.`, A before B.
  private func open(
    _ pairs: [(module: String, a: [Int], b: [Int])],
    _ config: String = #"{"peft_type": "LORA", "r": 2, "lora_alpha": 6}"#
  ) throws -> Adapter {
    try scratch.write("a/adapter_config.json", config)
    try scratch.write(
      "a/adapter_model.safetensors",
      pairs.flatMap { module, a, b in
        [("A", a), ("B", b)].filter { $0.1 != [] }.map {
          SampleTensor(model + module + ".lora_\($0.0).weight", .f32, $0.1)
        }
      })
    return try Adapter.open(scratch("a"))
  }

  private func refusal(
    _ pairs: [(module: String, a: [Int], b: [Int])],
    _ config: String = #"{"peft_type": "LORA", "r": 2, "lora_alpha": 6}"#
  ) throws -> String? {
    do {
      _ = try open(pairs, config)
      return nil
    } catch let error as AdapterError {
      return error.sentence.replacing(scratch.path + "/", with: "")
    }
  }

  @Test func `the output layer, experts and attention have transformers' names`() throws {
    let adapter = try open([
      ("unembed_tokens", [2, 4], [9, 2]), ("layers.0.attn.q_proj", [2, 4], [4, 2]),
      (experts + "w1", [1, 2, 4], [2, 6, 2]), (experts + "w2", [2, 2, 6], [1, 4, 2]),
      (experts + "w3", [2, 2, 4], [2, 6, 2]),
    ])
    #expect(adapter.config.format == .tinker && adapter.config.kind == "TINKER")
    #expect(
      adapter.modules.map(\.path) == [
        "model.layers.0.self_attn.q_proj", "model.\(experts)0.gate_proj",
        "model.\(experts)1.gate_proj", "model.\(experts)0.down_proj",
        "model.\(experts)1.down_proj", "model.\(experts)0.up_proj", "model.\(experts)1.up_proj",
        "lm_head",
      ])
    #expect(adapter.modules.allSatisfy { $0.scale?.value == 3 })
    // The shared side is the same for both; the other is each expert's own.
    let (first, second) = (adapter.modules[1], adapter.modules[2])
    #expect(first.a == second.a && second.b.offset == first.b.offset + 48)
  }

  @Test func `parts of a fused projection are rows of it`() throws {
    let adapter = try open([
      ("unembed_tokens", [2, 4], [9, 2]),
      ("layers.0.linear_attn.in_proj_q", [2, 4], [6, 2]),
      ("layers.0.linear_attn.in_proj_k", [2, 4], [3, 2]),
      ("layers.0.linear_attn.in_proj_v", [2, 4], [5, 2]),
    ])
    let parts = adapter.modules.prefix(3)
    #expect(parts.allSatisfy { $0.path == "model.layers.0.linear_attn.in_proj_qkv" })
    #expect(parts.map(\.rows) == [6..<9, 0..<6, 9..<14])
    #expect(parts.allSatisfy { $0.rowCount == 14 })
    #expect(
      try refusal([
        ("unembed_tokens", [2, 4], [9, 2]), ("layers.0.linear_attn.in_proj_q", [2, 4], [6, 2]),
      ])
        == "a: module \"model.layers.0.linear_attn\" has in_proj_q but no in_proj_k; the file is incomplete"
    )
  }

  @Test func `a pair without elements is set aside`() throws {
    let adapter = try open([
      ("unembed_tokens", [2, 4], [9, 2]), (experts + "w1", [2, 0, 4], [2, 6, 0]),
    ])
    #expect(adapter.modules.map(\.path) == ["lm_head"])
    #expect(
      adapter.setAside
        == ["A", "B"].map {
          "\(model)\(experts)w1.lora_\($0).weight: has no elements"
        })
  }

  @Test func `experts that do not fit each other are refused`() throws {
    let w1 = model + experts + "w1.lora_"
    #expect(
      try refusal([(experts + "w1", [3, 2, 4], [2, 6, 2])])
        == "a: tensor \"\(w1)B.weight\" has shape [2, 6, 2], expected [3 or 1, …, …]")
    #expect(
      try refusal([(experts + "w1", [2, 4], [2, 6, 2])])
        == "a: tensor \"\(w1)A.weight\" has shape [2, 4], expected [experts, …, …]")
    #expect(
      try refusal([(experts + "w1", [1, 2, 4], [1, 6, 2])])
        == "a: tensor \"\(w1)A.weight\" has shape [1, 2, 4], expected one side with all experts, for how many share the pair is not said"
    )
  }

  @Test func `halves, other tensors and other configs are refused`() throws {
    #expect(
      try refusal([("unembed_tokens", [2, 4], [])])
        == "a: module \"model.unembed_tokens\" has lora_A but no lora_B; the file is incomplete")
    #expect(
      try refusal([("unembed_tokens", [], [9, 2])])
        == "a: module \"model.unembed_tokens\" has lora_B but no lora_A; the file is incomplete")
    #expect(
      try refusal([("unembed_tokens", [2, 4, 1], [9, 2])])
        == "a: tensor \"\(model)unembed_tokens.lora_A.weight\" has shape [2, 4, 1], expected a matrix"
    )
    #expect(
      try refusal(
        [("unembed_tokens", [2, 4], [9, 2])],
        #"{"peft_type": "LORA", "r": 2, "lora_alpha": 6, "use_dora": true}"#)
        == "a/adapter_config.json: \"use_dora\" is true: Tinker trains plain LoRA")
    try scratch.write("a/adapter_config.json", #"{"r": 2, "lora_alpha": 6}"#)
    try scratch.write(
      "a/adapter_model.safetensors",
      [
        SampleTensor(model + "unembed_tokens.lora_A.weight", .f32, [2, 4]),
        SampleTensor(model + "norm.weight", .f32, [4]),
      ])
    do {
      _ = try Adapter.open(scratch("a"))
      Issue.record("nothing was refused")
    } catch {
      #expect(
        error.sentence.replacing(scratch.path + "/", with: "")
          == "a: tensor \"\(model)norm.weight\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
      )
    }
  }
}
