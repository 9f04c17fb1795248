// Files that are known and not read, each refused with the way to one that is.
import Adapters
import Safetensors
import TestSupport
import Testing

struct ForeignFilesTests {
  private let scratch = Scratch()

  private func refusal(_ name: String) -> String? {
    do throws(AdapterError) {
      _ = try Adapter.open(scratch(name))
      return nil
    } catch { return error.sentence.replacing(scratch.path + "/", with: "") }
  }

  private let litGPT =
    "is an adapter of LitGPT, whose files are not read; merge it with litgpt merge_lora and give the model to litgpt convert_from_litgpt"
  private let megatron =
    "is an adapter of Megatron-Bridge or NeMo, whose files are not read; export it as a PEFT adapter, with Megatron-Bridge's export_adapter.py"

  @Test func `files are known by their names`() throws {
    try scratch.write("lit/lit_model.pth.lora", "x")
    try scratch.write("lit/hyperparameters.yaml", "lora_r: 8")
    try scratch.write("iter_0000100/__0_0.distcp", "x")
    #expect(refusal("lit") == "lit \(litGPT)")
    #expect(refusal("lit/lit_model.pth.lora") == "lit/lit_model.pth.lora \(litGPT)")
    #expect(refusal("iter_0000100") == "iter_0000100 \(megatron)")
  }

  @Test(
    arguments: [
      "decoder.layers.0.self_attention.linear_qkv.adapter.linear_in.weight",
      "decoder.layers.0.mlp.linear_fc1.adapter.linear_out.weight",
      "decoder.layers.0.self_attention.linear_qkv.adapter_q.linear_in.weight",
      "model.decoder.layers.0.self_attention.adapter_layer.lora_kqv_adapter.linear_in.weight",
    ])
  func `Megatron's names are known, whatever lies beside`(_ name: String) throws {
    try scratch.write("a.safetensors", [SampleTensor(name, .f32, [2, 4])])
    #expect(refusal("a.safetensors") == "a.safetensors \(megatron)")
    try scratch.write("p/adapter_config.json", #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4}"#)
    try scratch.write("p/adapter_model.safetensors", [SampleTensor(name, .f32, [2, 4])])
    #expect(refusal("p") == "p \(megatron)")
  }

  @Test func `LitGPT's names are known in safetensors too`() throws {
    try scratch.write(
      "a.safetensors", [SampleTensor("transformer.h.0.attn.qkv.lora_A", .f32, [2, 4])])
    #expect(refusal("a.safetensors") == "a.safetensors \(litGPT)")
  }
}
