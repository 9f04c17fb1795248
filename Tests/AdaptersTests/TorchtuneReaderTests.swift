// What torchtune's files are read as, and what of them is refused.
import Adapters
import Safetensors
import TestSupport
import Testing

struct TorchtuneReaderTests {
  private let scratch = Scratch()
  private let q = "layers.0.attn.q_proj"
  private let config = #"{"r": 2, "lora_alpha": 4}"#

  private var pair: [SampleTensor] {
    [
      SampleTensor(q + ".lora_a.weight", .f32, [2, 4]),
      SampleTensor(q + ".lora_b.weight", .f32, [6, 2]),
    ]
  }

  private func refusal(_ tensors: [SampleTensor], _ config: String? = nil) throws -> String? {
    try scratch.write("a/adapter_0.safetensors", tensors)
    try scratch.write("a/adapter_config.json", config ?? self.config)
    return refusal("a")
  }

  private func refusal(_ path: String) -> String? {
    do throws(AdapterError) {
      _ = try Adapter.open(scratch(path))
      return nil
    } catch { return error.sentence.replacing(scratch.path + "/", with: "") }
  }

  @Test func `names become those of a transformers model`() throws {
    #expect(try refusal(pair) == nil)
    let adapter = try Adapter.open(scratch("a"))
    #expect(adapter.config.format == .torchtune)
    #expect(adapter.modules.map(\.path) == ["model.layers.0.self_attn.q_proj"])
    #expect(adapter.modules[0].isRotary && adapter.modules[0].scale?.value == 2)
  }

  @Test func `what is not torchtune's, or not whole, is refused`() throws {
    #expect(
      try refusal(pair + [SampleTensor("layers.0.mlp.experts.lora_gate_a", .f32, [2, 2])])
        == "a: tensor \"layers.0.mlp.experts.lora_gate_a\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
    )
    #expect(
      try refusal([pair[0]])
        == "a: module \"model.layers.0.self_attn.q_proj\" has \(q).lora_a.weight but no lora_b.weight; the file is incomplete"
    )
    #expect(
      try refusal([SampleTensor(q + ".lora_a.weight", .f32, [4]), pair[1]])
        == "a: tensor \"\(q).lora_a.weight\" has shape [4], expected a matrix")
    #expect(
      try refusal(pair, #"{"r": 2, "lora_alpha": 4, "use_dora": true}"#)
        == "a: module \"model.layers.0.self_attn.q_proj\" has lora_a.weight but no magnitude (use_dora is true); the file is incomplete"
    )
    #expect(
      try refusal(pair, #"{"r": 2, "lora_alpha": 4, "peft_type": "LOHA"}"#)
        == "a/adapter_config.json: \"lora_alpha\" is 4: this key is not known for LOHA and may change the result"
    )
  }

  @Test func `without a config there is no alpha to go by`() throws {
    try scratch.write("alone.safetensors", pair)
    #expect(
      refusal("alone.safetensors")
        == "alone.safetensors says nothing of alpha; put the adapter_config.json that was written with it (with r and lora_alpha) beside it"
    )
  }
}
