import Planning
import TestSupport
import Testing

/// Adapters under the names of a model's authors, for bases that keep diffusers'.
struct OriginalNamesTests {
  private let bench = FormatBench()
  private let block = "lora_unet_double_blocks_3_img_attn_qkv"
  private let attention = "transformer_blocks.3.attn."

  private func write() throws {
    bench.baseFile = "diffusion_pytorch_model.safetensors"
    try bench.writeBase(#"{"_class_name": "FluxTransformer2DModel"}"#)
    try bench.scratch.write("style.safetensors", bench.adapter)
  }

  @discardableResult private func queries() -> [Grid] {
    ["to_q", "to_k", "to_v"].map { bench.weight("\(attention)\($0).weight", [4, 4]) }
  }

  private func pair(_ name: String, _ rows: Int) -> Grid {
    let a = bench.factor(name + ".lora_down.weight", [2, 4])
    return bench.factor(name + ".lora_up.weight", [rows, 2]) * a
  }

  @Test func `a fused weight's rows go to the weights that it was made of`() throws {
    let weights = queries()
    let delta = pair(block, 12)
    try write()
    let merged = try bench.merged("style.safetensors")
    for (part, name) in ["to_q", "to_k", "to_v"].enumerated() {
      let own = Grid(4, 4, Array(delta.values[(part * 16)..<(part * 16 + 16)]))
      FormatBench.expect(merged["\(attention)\(name).weight"], weights[part] + own)
    }
  }

  @Test func `the last modulation's halves change places`() throws {
    let w = bench.weight("norm_out.linear.weight", [6, 4])
    let delta = pair("lora_unet_final_layer_adaLN_modulation_1", 6)
    try write()
    let swapped = Grid(6, 4, Array(delta.values[12...] + delta.values[..<12]))
    FormatBench.expect(
      try bench.merged("style.safetensors")["norm_out.linear.weight"], w + swapped)
  }

  @Test func `rows that the parts do not have are refused`() throws {
    queries()
    _ = pair(block, 9)
    try write()
    #expect(
      bench.refusal("style.safetensors")
        == "style.safetensors: tensor \"\(block).lora_down.weight\" does not fit \"\(attention)to_q.weight\" of shape [4, 4]: A is [2, 4] and B is [9, 2]"
    )
  }

  @Test func `a base without one of the parts is refused`() throws {
    bench.weight(attention + "to_q.weight", [4, 4])
    bench.weight(attention + "to_k.weight", [4, 4])
    _ = pair(block, 12)
    try write()
    #expect(
      bench.refusal("style.safetensors")
        == "style.safetensors: 1 of the unet's 1 modules have no weight in the base, such as \"double_blocks_3_img_attn_qkv\"; give the unet that it was trained on, with the names that it was trained with"
    )
  }

  @Test func `methods that change a weight as a whole are not cut`() throws {
    queries()
    bench.factor(block + ".oft_blocks", [3, 4, 4])
    try write()
    #expect(
      bench.refusal("style.safetensors")
        == "style.safetensors: module \"double_blocks_3_img_attn_qkv\" changes its weight as a whole, of which the base keeps a part in \"\(attention)to_q\"; give a checkpoint with the names that it was trained with"
    )
  }

  @Test func `methods other than a pair do not change the places of halves`() throws {
    bench.weight("norm_out.linear.weight", [6, 4])
    bench.factor("lora_unet_final_layer_adaLN_modulation_1.diff", [6, 4])
    try write()
    #expect(
      bench.refusal("style.safetensors")
        == "style.safetensors: module \"final_layer_adaLN_modulation_1\" changes its weight as a whole, of which the base keeps a part in \"norm_out.linear\"; give a checkpoint with the names that it was trained with"
    )
  }

  @Test func `whole differences are cut with their biases`() throws {
    let weights = queries()
    for name in ["to_q", "to_k", "to_v"] { bench.weight("\(attention)\(name).bias", [4]) }
    let delta = bench.factor(block + ".diff", [12, 4])
    let bias = bench.factor(block + ".diff_b", [12], (0..<12).map(Double.init))
    try write()
    let merged = try bench.merged("style.safetensors")
    FormatBench.expect(
      merged[attention + "to_k.weight"],
      weights[1] + Grid(4, 4, Array(delta.values[16..<32])))
    let before = bench.base.first { $0.name == attention + "to_v.bias" }!.grid
    FormatBench.expect(
      merged[attention + "to_v.bias"],
      Grid(4, 1, before.values) + Grid(4, 1, Array(bias.values[8...])))
  }

  @Test func `Stable Diffusion's blocks are counted as the base's config says`() throws {
    let name = "down_blocks.1.attentions.0.proj_in"
    let w = bench.weight(name + ".weight", [6, 4])
    let delta = pair("lora_unet_input_blocks_4_1_proj_in", 6)
    bench.baseFile = "diffusion_pytorch_model.safetensors"
    try bench.scratch.write("style.safetensors", bench.adapter)
    try bench.writeBase(#"{"_class_name": "UNet2DConditionModel", "layers_per_block": 2}"#)
    FormatBench.expect(try bench.merged("style.safetensors")[name + ".weight"], w + delta)
    for config in [
      #"{"_class_name": "UNet2DConditionModel", "layers_per_block": 1}"#,
      #"{"_class_name": "UNet2DConditionModel"}"#,
    ] {
      try bench.writeBase(config)
      #expect(
        bench.refusal("style.safetensors")
          == "style.safetensors: 1 of the unet's 1 modules have no weight in the base, such as \"input_blocks_4_1_proj_in\"; give the unet that it was trained on, with the names that it was trained with"
      )
    }
  }
}
