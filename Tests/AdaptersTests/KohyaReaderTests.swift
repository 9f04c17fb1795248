// What files of kohya's kind are read as, and what of them is refused.
import Adapters
import Safetensors
import TestSupport
import Testing

struct KohyaReaderTests {
  private let scratch = Scratch()
  private let q = "lora_unet_to_q"

  private var pair: [SampleTensor] {
    [
      SampleTensor(q + ".lora_down.weight", .f32, [2, 4]),
      SampleTensor(q + ".lora_up.weight", .f32, [6, 2]),
    ]
  }

  private func refusal(_ tensors: [SampleTensor]) throws -> String? {
    try scratch.write("a.safetensors", tensors)
    return refusal("a.safetensors")
  }

  private func refusal(_ name: String) -> String? {
    do throws(AdapterError) {
      _ = try Adapter.open(scratch(name))
      return nil
    } catch { return error.sentence.replacing(scratch.path + "/", with: "") }
  }

  @Test func `a file is an adapter by its names, whatever lies beside it`() throws {
    try scratch.write("a.safetensors", pair)
    try scratch.write("adapter_config.json", #"{"peft_type": "LORA", "r": 8, "lora_alpha": 8}"#)
    let adapter = try Adapter.open(scratch("a.safetensors"))
    #expect(adapter.config.format == .kohya && adapter.config.kind == "KOHYA")
    #expect(adapter.path == scratch("a.safetensors"))
    #expect(adapter.modules.map(\.path) == ["to_q"])
    #expect(adapter.modules[0].component == "unet" && adapter.modules[0].scale?.value == 1)
  }

  @Test func `tensors of other methods are refused`() throws {
    for leaf in ["q_layer.weight", "lambda_layer", "bm.weight", "scalar", "weight"] {
      #expect(
        try refusal(pair + [SampleTensor("\(q).\(leaf)", .f32, [2, 2])])
          == "a.safetensors: tensor \"\(q).\(leaf)\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
      )
    }
    for name in ["other_to_q.lora_up.weight", "lone"] {
      #expect(
        try refusal(pair + [SampleTensor(name, .f32, [2, 2])])
          == "a.safetensors: tensor \"\(name)\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
      )
    }
  }

  @Test func `halves and shapes that are no pair's are refused`() throws {
    #expect(
      try refusal([pair[0]])
        == "a.safetensors: module \"to_q\" has lora_down.weight but no lora_up.weight; the file is incomplete"
    )
    #expect(
      try refusal([SampleTensor(q + ".lora_down.weight", .f32, [4]), pair[1]])
        == "a.safetensors: tensor \"lora_unet_to_q.lora_down.weight\" has shape [4], expected a matrix (or a convolution's kernel)"
    )
    #expect(
      try refusal([SampleTensor(q + ".alpha", .f32, [], [2])])
        == "a.safetensors: tensor \"\(q).alpha\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
    )
  }

  @Test func `an alpha that is no number, or 0, is refused`() throws {
    for alpha in [
      SampleTensor(q + ".alpha", .f32, [], [0]), SampleTensor(q + ".alpha", .f32, [2], [1, 1]),
      SampleTensor(q + ".alpha", .f32, [], [.nan]),
      SampleTensor(q + ".alpha", .f16, [], [.infinity]),
      SampleTensor(q + ".alpha", .u8, [], bytes: [1]),
    ] {
      #expect(
        try refusal(pair + [alpha])
          == "a.safetensors: tensor \"\(q).alpha\" must hold one number other than 0; correct the file or save the adapter again"
      )
    }
  }

  @Test func `files that say nothing of their kind are refused`() throws {
    #expect(
      try refusal([SampleTensor("x.weight", .f32, [2])])
        == "a.safetensors has no adapter_config.json beside it, and tensor \"x.weight\" is of no kind of adapter that is known without one; name an adapter's file or folder"
    )
    #expect(
      try refusal([SampleTensor("base_model.model.q.lora_A.weight", .f32, [2, 2])])
        == "a.safetensors holds no adapter_config.json, nor does a folder in it; name the folder that PEFT's save_pretrained wrote"
    )
    try scratch.write("two/a.safetensors", pair)
    try scratch.write("two/b.safetensors", pair)
    #expect(
      refusal("two")
        == "two holds several adapters (a.safetensors, b.safetensors); name one of them")
    try scratch.write("a.ckpt", "x")
    #expect(
      refusal("a.ckpt")
        == "\(scratch.path) holds no adapter_model.safetensors and no adapter_model.bin; found a.ckpt, which is not read: save it as safetensors"
    )
  }

  @Test func `a file of PEFT's leads to its folder`() throws {
    try scratch.write("p/adapter_config.json", #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4}"#)
    try scratch.write(
      "p/adapter_model.safetensors",
      [
        SampleTensor("base_model.model.q.lora_A.weight", .f32, [2, 4]),
        SampleTensor("base_model.model.q.lora_B.weight", .f32, [6, 2]),
      ])
    #expect(try Adapter.open(scratch("p/adapter_model.safetensors")).path == scratch("p"))
  }
}
