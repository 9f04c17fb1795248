import Planning
import TestSupport
import Testing

/// Files of diffusers', merged into the folder of a pipeline's part.
struct DiffusersFormatTests {
  private let bench = FormatBench()
  private let q = "transformer_blocks.0.attn1.to_q"

  private func write(
    _ folder: String = "pipe/unet", _ config: String = #"{"_class_name": "UNet2DConditionModel"}"#,
    metadata: String? = nil
  ) throws {
    bench.baseFolder = folder
    bench.baseFile = "diffusion_pytorch_model.safetensors"
    try bench.writeBase(config)
    let values = metadata.map { ["lora_adapter_metadata": $0] } ?? [:]
    try bench.scratch.write(
      "style/pytorch_lora_weights.safetensors",
      SampleFile.bytes(bench.adapter, metadata: values))
  }

  @Test(
    arguments: [
      ("lora_A.weight", "lora_B.weight"), ("lora_A.default.weight", "lora_B.default.weight"),
      ("lora.down.weight", "lora.up.weight"),
      ("lora_linear_layer.down.weight", "lora_linear_layer.up.weight"),
    ])
  func `without metadata the scale is 1`(_ down: String, _ up: String) throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let a = bench.factor("unet.\(q).\(down)", [2, 4])
    let b = bench.factor("unet.\(q).\(up)", [6, 2])
    try write()
    let plan = try bench.plan("style")
    #expect(plan.adapters[0].kind == "DIFFUSERS")
    #expect(plan.jobs[0].recipes[0].updates[0].origin == "no alpha, scale 1")
    FormatBench.expect(try bench.merged("style")[q + ".weight"], w + b * a)
  }

  @Test(arguments: ["unet.", ""])
  func `attention processors name layers of their own`(_ prefix: String) throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let v = bench.weight("transformer_blocks.0.attn1.to_out.0.weight", [5, 4])
    let processor = prefix + "transformer_blocks.0.attn1.processor."
    let a = bench.factor(processor + "to_q_lora.down.weight", [2, 4])
    let b = bench.factor(processor + "to_q_lora.up.weight", [6, 2])
    let c = bench.factor(processor + "to_out_lora.down.weight", [2, 4])
    let d = bench.factor(processor + "to_out_lora.up.weight", [5, 2])
    try write()
    let merged = try bench.merged("style")
    FormatBench.expect(merged[q + ".weight"], w + b * a)
    FormatBench.expect(merged["transformer_blocks.0.attn1.to_out.0.weight"], v + d * c)
  }

  @Test func `old text encoders are named by their projections`() throws {
    let name = "text_model.encoder.layers.0.self_attn."
    let w = bench.weight(name + "out_proj.weight", [6, 4])
    let a = bench.factor("text_encoder.\(name)to_out_lora.down.weight", [2, 4])
    let b = bench.factor("text_encoder.\(name)to_out_lora.up.weight", [6, 2])
    try write("pipe/text_encoder", #"{"architectures": ["CLIPTextModel"]}"#)
    FormatBench.expect(try bench.merged("style")[name + "out_proj.weight"], w + b * a)
  }

  @Test func `alphas in the file count with the rank`() throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let a = bench.factor("unet.\(q).lora.down.weight", [2, 4])
    let b = bench.factor("unet.\(q).lora.up.weight", [6, 2])
    bench.factor("unet.\(q).alpha", [], [3])
    try write()
    FormatBench.expect(try bench.merged("style")[q + ".weight"], w + 1.5 * (b * a))
  }

  @Test func `metadata is each part's config, patterns and all`() throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let k = bench.weight("transformer_blocks.0.attn1.to_k.weight", [6, 4])
    let a = bench.factor("unet.\(q).lora_A.weight", [2, 4])
    let b = bench.factor("unet.\(q).lora_B.weight", [6, 2])
    let c = bench.factor("unet.transformer_blocks.0.attn1.to_k.lora_A.weight", [3, 4])
    let d = bench.factor("unet.transformer_blocks.0.attn1.to_k.lora_B.weight", [6, 3])
    bench.factor("text_encoder.fc1.lora_A.weight", [1, 4])
    bench.factor("text_encoder.fc1.lora_B.weight", [6, 1])
    try write(
      metadata: """
        {"unet.r": 2, "unet.lora_alpha": 8, "unet.rank_pattern": {"to_k": 3}, \
        "unet.alpha_pattern": {"attn1.to_k": 6}, "unet.peft_type": "LORA", \
        "unet.target_modules": ["to_q", "to_k"], "unet.bias": "none", \
        "text_encoder.r": 1, "text_encoder.lora_alpha": 1}
        """)
    let merged = try bench.merged("style")
    FormatBench.expect(merged[q + ".weight"], w + 4 * (b * a))
    FormatBench.expect(merged["transformer_blocks.0.attn1.to_k.weight"], k + 2 * (d * c))
    #expect(
      try bench.plan("style").setAside == [
        "text_encoder.fc1.lora_A.weight: of the text_encoder, which is a checkpoint of its own",
        "text_encoder.fc1.lora_B.weight: of the text_encoder, which is a checkpoint of its own",
      ])
  }

  @Test func `DoRA's magnitudes belong to rows`() throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let a = bench.factor("unet.\(q).lora_A.weight", [2, 4])
    let b = bench.factor("unet.\(q).lora_B.weight", [6, 2])
    let m = bench.factor("unet.\(q).lora_magnitude_vector", [6])
    try write()
    var v = w + b * a
    for row in 0..<6 {
      let norm = (0..<4).reduce(0) { $0 + v[row, $1] * v[row, $1] }.squareRoot()
      for column in 0..<4 { v[row, column] *= m.values[row] / norm }
    }
    FormatBench.expect(try bench.merged("style")[q + ".weight"], v)
  }

  @Test func `the folder's name tells parts of one kind apart`() throws {
    let w = bench.weight("fc1.weight", [6, 4])
    bench.factor("text_encoder.fc1.lora_A.weight", [2, 4])
    bench.factor("text_encoder.fc1.lora_B.weight", [6, 2])
    let a = bench.factor("text_encoder_2.fc1.lora_A.weight", [2, 4])
    let b = bench.factor("text_encoder_2.fc1.lora_B.weight", [6, 2])
    try write("pipe/text_encoder_2", #"{"architectures": ["CLIPTextModelWithProjection"]}"#)
    FormatBench.expect(try bench.merged("style")["fc1.weight"], w + b * a)
    #expect(try bench.plan("style").setAside.count == 2)
  }

  @Test func `nothing for this part, and modules that it lacks, are refused`() throws {
    bench.weight(q + ".weight", [6, 4])
    bench.factor("text_encoder.fc1.lora_A.weight", [2, 4])
    bench.factor("text_encoder.fc1.lora_B.weight", [6, 2])
    try write()
    let file = "style/pytorch_lora_weights.safetensors"
    #expect(
      bench.refusal("style")
        == "\(file): all it holds is for another checkpoint (text_encoder) and nothing for pipe/unet; give that part's folder of the pipeline as --base"
    )
    bench.factor("unet.mid.to_q.lora_A.weight", [2, 4])
    bench.factor("unet.mid.to_q.lora_B.weight", [6, 2])
    try write()
    #expect(
      bench.refusal("style")
        == "\(file): 1 of the unet's 1 modules have no weight in the base, such as \"mid.to_q\"; give the unet that it was trained on, with the names that it was trained with"
    )
  }
}
