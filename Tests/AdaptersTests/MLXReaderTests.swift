// What mlx-lm's files are read as, and what of them is refused.
import Adapters
import Safetensors
import TestSupport
import Testing

struct MLXReaderTests {
  private let scratch = Scratch()
  private let q = "model.layers.0.self_attn.q_proj"
  private let config =
    #"{"fine_tune_type": "lora", "lora_parameters": {"rank": 2, "scale": 20.0, "dropout": 0.1}}"#

  private func write(_ config: String, _ tensors: [(String, [Int])]) throws {
    try scratch.write("a/adapter_config.json", config)
    try scratch.write("a/adapters.safetensors", tensors.map { SampleTensor($0.0, .f32, $0.1) })
  }

  private func refusal(_ config: String? = nil, _ tensors: [(String, [Int])]) throws -> String? {
    try write(config ?? self.config, tensors)
    do throws(AdapterError) {
      _ = try Adapter.open(scratch("a"))
      return nil
    } catch { return error.sentence.replacing(scratch.path + "/", with: "") }
  }

  private var pair: [(String, [Int])] { [(q + ".lora_a", [4, 2]), (q + ".lora_b", [2, 6])] }

  @Test func `a pair is known by its config, whatever else that says`() throws {
    try write(config, pair)
    let adapter = try Adapter.open(scratch("a"))
    #expect(adapter.config.format == .mlx && adapter.config.kind == "MLX")
    #expect(adapter.modules.map(\.path) == [q])
    #expect(adapter.modules[0].isTransposed && adapter.modules[0].ranks == (2, 2))
    #expect(adapter.modules[0].scale?.value == 20)
  }

  @Test func `experts are named one by one`() throws {
    let stack = "model.layers.0.mlp.switch_mlp.up_proj"
    try write(config, [(stack + ".lora_a", [2, 2, 4]), (stack + ".lora_b", [2, 5, 2])])
    let adapter = try Adapter.open(scratch("a"))
    let paths = (0..<2).map { "model.layers.0.mlp.experts.\($0).up_proj" }
    #expect(adapter.modules.map(\.path) == paths)
    #expect(adapter.modules.map(\.a.shape) == [[2, 4], [2, 4]])
    #expect(adapter.modules[1].a.offset == adapter.modules[0].a.offset + 32)
    #expect(adapter.modules[1].b.offset == adapter.modules[0].b.offset + 40)
  }

  @Test func `names and shapes that are not mlx-lm's are refused`() throws {
    #expect(
      try refusal(nil, pair + [(q + ".lora_c", [2])])
        == "a: tensor \"\(q).lora_c\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
    )
    #expect(
      try refusal(nil, [pair[0]])
        == "a: module \"\(q)\" has lora_a but no lora_b; the file is incomplete")
    #expect(
      try refusal(nil, [pair[1]])
        == "a: module \"\(q)\" has lora_b but no lora_a; the file is incomplete")
    #expect(
      try refusal(nil, [(q + ".lora_a", [4]), pair[1]])
        == "a: tensor \"\(q).lora_a\" has shape [4], expected a matrix")
    let stack = "model.layers.0.mlp.switch_mlp.up_proj"
    #expect(
      try refusal(nil, [(stack + ".lora_a", [3, 2, 4]), (stack + ".lora_b", [2, 5, 2])])
        == "a: tensor \"\(stack).lora_a\" has shape [3, 2, 4], expected [2, 2, in]")
    #expect(
      try refusal(nil, [("h.0.mlp.up.lora_a", [2, 2, 4]), ("h.0.mlp.up.lora_b", [2, 5, 2])])
        == "a: tensor \"h.0.mlp.up.lora_a\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
    )
    #expect(
      try refusal(#"{"fine_tune_type": "full"}"#, pair)
        == "a: tensor \"\(q).lora_a\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
    )
  }

  @Test func `DoRA is both in the config and in the file, or in neither`() throws {
    let dora = #"{"fine_tune_type": "dora", "lora_parameters": {"rank": 2, "scale": 20.0}}"#
    #expect(
      try refusal(dora, pair) == "a: module \"\(q)\" has lora_a but no m; the file is incomplete")
    #expect(
      try refusal(nil, pair + [(q + ".m", [6])])
        == "a/adapter_config.json: \"fine_tune_type\" is \"lora\": but tensor \"\(q).m\" belongs to DoRA; one of the two is wrong"
    )
    #expect(try refusal(dora, pair + [(q + ".m", [6])]) == nil)
  }

  @Test(
    arguments: [
      (
        #"{"fine_tune_type": "prompt"}"#,
        "\"fine_tune_type\" must be \"lora\", \"dora\" or \"full\"; correct the file or save the adapter again"
      ),
      (
        #"{"fine_tune_type": "lora"}"#,
        "\"lora_parameters\" must be an object with rank and scale; correct the file or save the adapter again"
      ),
      (
        #"{"lora_parameters": {"scale": 1}}"#,
        "\"lora_parameters.rank\" must be a whole number above 0; correct the file or save the adapter again"
      ),
      (
        #"{"lora_parameters": {"rank": 2}}"#,
        "\"lora_parameters.scale\" must be a number; correct the file or save the adapter again"
      ),
      (
        #"{"lora_parameters": {"rank": 2, "scale": 1, "alpha": "x"}}"#,
        "\"lora_parameters.alpha\" must be a number; correct the file or save the adapter again"
      ),
      (
        #"{"lora_parameters": {"rank": 2, "scale": 1, "use_rslora": true}}"#,
        "\"lora_parameters.use_rslora\" is true: this key is not known for mlx-lm and may change the result"
      ),
    ])
  func `configs that leave the scale open are refused`(config: String, sentence: String) throws {
    #expect(try refusal(config, pair) == "a/adapter_config.json: " + sentence)
  }
}
