// What diffusers' files are read as, and what of them is refused.
import Adapters
import Safetensors
import TestSupport
import Testing

struct DiffusersReaderTests {
  private let scratch = Scratch()
  private let q = "unet.attn1.to_q"

  private var pair: [SampleTensor] {
    [
      SampleTensor(q + ".lora_A.weight", .f32, [2, 4]),
      SampleTensor(q + ".lora_B.weight", .f32, [6, 2]),
    ]
  }

  private func refusal(
    _ tensors: [SampleTensor], metadata: String? = nil
  ) throws -> String? {
    try scratch.write(
      "a.safetensors",
      SampleFile.bytes(
        tensors, metadata: metadata.map { ["lora_adapter_metadata": $0] } ?? [:]))
    do throws(AdapterError) {
      _ = try Adapter.open(scratch("a.safetensors"))
      return nil
    } catch { return error.sentence.replacing(scratch.path + "/", with: "") }
  }

  @Test func `pairs are read with their parts`() throws {
    #expect(try refusal(pair) == nil)
    let adapter = try Adapter.open(scratch("a.safetensors"))
    #expect(adapter.config.kind == "DIFFUSERS")
    #expect(adapter.modules.map(\.path) == ["attn1.to_q"])
    #expect(adapter.modules[0].component == "unet")
  }

  @Test func `tensors of other kinds, halves and doubles are refused`() throws {
    #expect(
      try refusal(pair + [SampleTensor("controlnet.x.weight", .f32, [2])])
        == "a.safetensors: tensor \"controlnet.x.weight\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
    )
    #expect(
      try refusal([pair[0]])
        == "a.safetensors: module \"\(q)\" has \(q).lora_A.weight but no lora_B; the file is incomplete"
    )
    #expect(
      try refusal([SampleTensor(q + ".lora_A.weight", .f32, [4]), pair[1]])
        == "a.safetensors: tensor \"\(q).lora_A.weight\" has shape [4], expected a matrix (or a convolution's kernel)"
    )
    #expect(
      try refusal(pair + [SampleTensor(q + ".lora.down.weight", .f32, [2, 4])])
        == "a.safetensors: tensors \"\(q).lora_A.weight\" and \"\(q).lora.down.weight\" mean the same; keep one of them"
    )
  }

  @Test(
    arguments: [
      (
        "[]",
        "a.safetensors: \"lora_adapter_metadata\" must be an object; correct the file or save the adapter again"
      ),
      (
        #"{"unet.r": 2}"#,
        "a.safetensors (lora_adapter_metadata, unet): \"lora_alpha\" must be a number; correct the file or save the adapter again"
      ),
      (
        #"{"unet.r": 2, "unet.lora_alpha": 2, "unet.use_dora": true}"#,
        "a.safetensors: module \"unet.attn1.to_q\" has lora_A but no lora_magnitude_vector (use_dora is true); the file is incomplete"
      ),
      (
        #"{"unet.r": 2, "unet.lora_alpha": 2, "unet.peft_type": "OFT"}"#,
        "a.safetensors: peft_type OFT is not merged: this kind is not known here; merge it with the library that made it"
      ),
      (
        #"{"unet.r": 2, "unet.lora_alpha": 2, "unet.init_lora_weights": "pissa"}"#,
        "a.safetensors (lora_adapter_metadata, unet): \"init_lora_weights\" is on: variants of LoRA are read from PEFT's own folders alone"
      ),
      (
        #"{"unet.r": 2, "unet.lora_alpha": 2, "unet.new_switch": true}"#,
        "a.safetensors (lora_adapter_metadata, unet): \"new_switch\" is true: this key is not known here and may change the result"
      ),
    ])
  func `metadata that leaves the update open is refused`(
    metadata: String, sentence: String
  ) throws {
    #expect(try refusal(pair, metadata: metadata) == sentence)
  }

  @Test func `metadata and tensors must not contradict each other`() throws {
    let plain = #"{"unet.r": 2, "unet.lora_alpha": 2}"#
    #expect(
      try refusal(pair + [SampleTensor(q + ".alpha", .f32, [], [2])], metadata: plain)
        == "a.safetensors: \"lora_adapter_metadata\" is there: but tensor \"\(q).alpha\" gives an alpha too; one of the two is wrong"
    )
    #expect(
      try refusal(
        pair + [SampleTensor(q + ".lora_magnitude_vector", .f32, [6])], metadata: plain)
        == "a.safetensors (lora_adapter_metadata, unet): \"unet.use_dora\" is false: but tensor \"\(q).lora_magnitude_vector\" belongs to DoRA; one of the two is wrong"
    )
    #expect(try refusal(pair, metadata: "{")?.contains("is not valid JSON") == true)
  }
}
