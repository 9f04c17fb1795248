import Planning
import Safetensors
import TestSupport
import Testing

/// Files of kohya's sd-scripts and of LyCORIS, merged.
struct KohyaFormatTests {
  private let bench = FormatBench()
  private let q = "down_blocks.0.attentions.0.to_q"
  private let flat = "lora_unet_down_blocks_0_attentions_0_to_q"
  private let unet = #"{"_class_name": "UNet2DConditionModel"}"#

  private func write(_ config: String? = nil) throws {
    bench.baseFile = "diffusion_pytorch_model.safetensors"
    try bench.writeBase(config ?? unet)
    try bench.scratch.write("style.safetensors", bench.adapter)
  }

  @Test func `alpha over rank scales a pair, and its folder is as good as the file`() throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let a = bench.factor(flat + ".lora_down.weight", [2, 4])
    let b = bench.factor(flat + ".lora_up.weight", [6, 2])
    bench.factor(flat + ".alpha", [], [3])
    try write()
    let plan = try bench.plan("style.safetensors")
    #expect(plan.adapters[0].kind == "KOHYA")
    #expect(plan.jobs.map(\.shardName) == ["diffusion_pytorch_model.safetensors"])
    #expect(!plan.hasIndex)
    let update = plan.jobs[0].recipes[0].updates[0]
    #expect(update.origin == "alpha 3.0 / rank 2")
    #expect(update.tensorNames.last == flat + ".alpha")
    FormatBench.expect(
      try bench.merged("style.safetensors")[q + ".weight"], w + 1.5 * (b * a))
    try bench.scratch.write("lone/any name.safetensors", bench.adapter)
    FormatBench.expect(try bench.merged("lone")[q + ".weight"], w + 1.5 * (b * a))
  }

  @Test(
    arguments: [
      (DType.f16, [0x00, 0x42] as [UInt8]), (.bf16, [0x40, 0x40]),
      (.i64, [3, 0, 0, 0, 0, 0, 0, 0]),
      (.i32, [3, 0, 0, 0]), (.f64, [0, 0, 0, 0, 0, 0, 8, 0x40]),
    ])
  func `alpha may be of any type`(_ dtype: DType, _ bytes: [UInt8]) throws {
    bench.weight(q + ".weight", [6, 4])
    bench.factor(flat + ".lora_down.weight", [2, 4])
    bench.factor(flat + ".lora_up.weight", [6, 2])
    try write()
    try bench.scratch.write(
      "style.safetensors",
      bench.adapter + [SampleTensor(flat + ".alpha", dtype, [1], bytes: bytes)])
    let plan = try bench.plan("style.safetensors")
    #expect(plan.jobs[0].recipes[0].updates[0].origin == "alpha 3.0 / rank 2")
  }

  @Test func `without alpha the scale is 1`() throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let a = bench.factor(flat + ".lora_down.weight", [2, 4])
    let b = bench.factor(flat + ".lora_up.weight", [6, 2])
    try write()
    FormatBench.expect(try bench.merged("style.safetensors")[q + ".weight"], w + b * a)
  }

  @Test(
    arguments: [
      (base: [6, 4, 1, 1], down: [2, 4], up: [6, 2]),
      (base: [6, 4], down: [2, 4, 1, 1], up: [6, 2, 1, 1]),
      (base: [6, 4, 1, 1], down: [2, 4, 1, 1], up: [6, 2, 1, 1]),
      (base: [6, 4, 3, 3], down: [2, 4, 3, 3], up: [6, 2, 1, 1]),
    ])
  func `kernels and matrices meet`(base: [Int], down: [Int], up: [Int]) throws {
    let w = bench.weight(q + ".weight", base)
    let a = bench.factor(flat + ".lora_down.weight", down)
    let b = bench.factor(flat + ".lora_up.weight", up)
    try write()
    FormatBench.expect(try bench.merged("style.safetensors")[q + ".weight"], w + b * a)
  }

  @Test func `LoHa is the product of two products, element by element`() throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let parts = ["w1_a", "w1_b", "w2_a", "w2_b"].map {
      bench.factor(flat + ".hada_" + $0, $0.hasSuffix("a") ? [6, 2] : [2, 4])
    }
    bench.factor(flat + ".alpha", [], [1])
    try write()
    let (first, second) = (parts[0] * parts[1], parts[2] * parts[3])
    let product = Grid(6, 4, zip(first.values, second.values).map { $0 * $1 })
    FormatBench.expect(try bench.merged("style.safetensors")[q + ".weight"], w + 0.5 * product)
  }

  private func kronecker(_ a: Grid, _ b: Grid) -> Grid {
    var product = Grid(
      a.rows * b.rows, a.columns * b.columns,
      Array(repeating: 0, count: a.values.count * b.values.count))
    for i in 0..<product.rows {
      for j in 0..<product.columns {
        product[i, j] = a[i / b.rows, j / b.columns] * b[i % b.rows, j % b.columns]
      }
    }
    return product
  }

  @Test func `two whole matrices of LoKr have scale 1, whatever alpha says`() throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let first = bench.factor(flat + ".lokr_w1", [2, 2])
    let second = bench.factor(flat + ".lokr_w2", [3, 2])
    bench.factor(flat + ".alpha", [], [8])
    try write()
    FormatBench.expect(
      try bench.merged("style.safetensors")[q + ".weight"], w + kronecker(first, second))
  }

  @Test func `LoKr lays a kernel of one dimension in each block`() throws {
    let w = bench.weight(q + ".weight", [6, 4, 3])
    let first = bench.factor(flat + ".lokr_w1", [2, 2])
    let second = bench.factor(flat + ".lokr_w2", [3, 2, 3])
    try write()
    FormatBench.expect(
      try bench.merged("style.safetensors")[q + ".weight"], w + kronecker(first, second))
  }

  @Test func `a product in LoKr has alpha over its rank`() throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let first = bench.factor(flat + ".lokr_w1", [2, 2])
    let a = bench.factor(flat + ".lokr_w2_a", [3, 4])
    let b = bench.factor(flat + ".lokr_w2_b", [4, 2])
    bench.factor(flat + ".alpha", [], [1])
    try write()
    FormatBench.expect(
      try bench.merged("style.safetensors")[q + ".weight"], w + 0.25 * kronecker(first, a * b))
  }

  @Test func `whole differences are added to weight and bias`() throws {
    let w = bench.weight("conv_in.weight", [2, 3, 3, 3])
    let b = bench.weight("conv_in.bias", [2])
    let norm = bench.weight("norm.weight", [5])
    let diff = bench.factor("lora_unet_conv_in.diff", [2, 3, 3, 3])
    let diffB = bench.factor("lora_unet_conv_in.diff_b", [2])
    let wNorm = bench.factor("lora_unet_norm.w_norm", [5])
    try write()
    let merged = try bench.merged("style.safetensors", strength: 0.5)
    FormatBench.expect(merged["conv_in.weight"], w + 0.5 * diff)
    FormatBench.expect(merged["conv_in.bias"], b + 0.5 * diffB)
    FormatBench.expect(merged["norm.weight"], norm + 0.5 * wNorm)
  }

  @Test func `the parts of other checkpoints are set aside by name`() throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let a = bench.factor(flat + ".lora_down.weight", [2, 4])
    let b = bench.factor(flat + ".lora_up.weight", [6, 2])
    bench.factor("lora_te_text_model_fc1.lora_down.weight", [2, 4])
    bench.factor("lora_te_text_model_fc1.lora_up.weight", [6, 2])
    bench.factor("lora_te_text_model_fc1.alpha", [], [1])
    try write()
    let plan = try bench.plan("style.safetensors")
    #expect(
      plan.setAside
        == ["lora_down.weight", "lora_up.weight", "alpha"].map {
          "lora_te_text_model_fc1.\($0): of the text_encoder, which is a checkpoint of its own"
        })
    FormatBench.expect(try bench.merged("style.safetensors")[q + ".weight"], w + b * a)
  }

  @Test func `of two text encoders the one whose shapes fit is taken`() throws {
    let w = bench.weight("text_model.fc1.weight", [6, 4])
    bench.factor("lora_te1_text_model_fc1.lora_down.weight", [2, 8])
    bench.factor("lora_te1_text_model_fc1.lora_up.weight", [6, 2])
    let a = bench.factor("lora_te2_text_model_fc1.lora_down.weight", [2, 4])
    let b = bench.factor("lora_te2_text_model_fc1.lora_up.weight", [6, 2])
    try write(#"{"model_type": "clip_text_model"}"#)
    FormatBench.expect(
      try bench.merged("style.safetensors")["text_model.fc1.weight"], w + b * a)
    #expect(try bench.plan("style.safetensors").setAside.count == 2)
  }

  @Test func `a checkpoint of the whole pipeline takes every part`() throws {
    let w = bench.weight("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", [6, 4])
    let t = bench.weight("cond_stage_model.transformer.text_model.fc1.weight", [4, 4])
    let a = bench.factor("lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight", [2, 4])
    let b = bench.factor("lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight", [6, 2])
    let c = bench.factor("lora_te_text_model_fc1.lora_down.weight", [2, 4])
    let d = bench.factor("lora_te_text_model_fc1.lora_up.weight", [4, 2])
    bench.baseFile = "model.safetensors"
    try bench.writeBase(nil)
    try bench.scratch.write("style.safetensors", bench.adapter)
    let merged = try bench.merged("style.safetensors")
    FormatBench.expect(
      merged["model.diffusion_model.double_blocks.0.img_attn.qkv.weight"], w + b * a)
    FormatBench.expect(
      merged["cond_stage_model.transformer.text_model.fc1.weight"], t + d * c)
  }

  // MARK: Refusals

  private func refusal(
    _ names: [String], base: [String]? = nil, config: String?? = nil, down: [Int] = [2, 4]
  ) throws -> String? {
    let bench = FormatBench()
    for name in base ?? [q] { bench.weight(name + ".weight", [6, 4]) }
    for name in names {
      bench.factor(name + ".lora_down.weight", down)
      bench.factor(name + ".lora_up.weight", [6, 2])
    }
    try bench.writeBase(config ?? unet)
    try bench.scratch.write("style.safetensors", bench.adapter)
    return bench.refusal("style.safetensors")
  }

  @Test func `what does not belong to the base is refused`() throws {
    #expect(
      try refusal([flat, "lora_unet_mid_block_0_to_q"])
        == "style.safetensors: 1 of the unet's 2 modules have no weight in the base, such as \"mid_block_0_to_q\"; give the unet that it was trained on, with the names that it was trained with"
    )
    #expect(
      try refusal(["lora_te_text_model_fc1"])
        == "style.safetensors: all it holds is for another checkpoint (text_encoder) and nothing for base; give that part's folder of the pipeline as --base"
    )
    #expect(
      try refusal([flat], config: #"{"_class_name": "AutoencoderKL"}"#)
        == "style.safetensors: all it holds is for another checkpoint (unet) and nothing for base; give that part's folder of the pipeline as --base"
    )
    // A base that does not say what it is may hold the other parts too.
    #expect(
      try refusal([flat, "lora_te_text_model_fc1"], config: .some(nil))
        == "style.safetensors: 1 of the text_encoder's 1 modules have no weight in the base, such as \"text_model_fc1\"; give the text_encoder that it was trained on, with the names that it was trained with"
    )
    #expect(
      try refusal([flat], down: [2, 5])
        == "style.safetensors: tensor \"\(flat).lora_down.weight\" does not fit \"\(q).weight\" of shape [6, 4]: A is [2, 5] and B is [6, 2]"
    )
  }

  @Test func `names that could mean two modules are refused`() throws {
    #expect(
      try refusal([flat], base: [q, "down_blocks.0.attentions.0_to.q"])
        == "style.safetensors: module \"down_blocks_0_attentions_0_to_q\" could mean \"\(q)\" or \"down_blocks.0.attentions.0_to.q\" in the base; rename the adapter's tensors to the base's names"
    )
    #expect(
      try refusal(
        ["lora_te1_text_model_fc1", "lora_te2_text_model_fc1"], base: ["text_model.fc1"],
        config: #"{"model_type": "clip_text_model"}"#)
        == "style.safetensors: its text_encoder and its text_encoder_2 both fit \"text_model.fc1\" of the base; leave one of the two out of the file"
    )
  }

  @Test func `a weight is not turned round for a pair that fits it so`() throws {
    bench.weight(q + ".weight", [6, 4])
    bench.factor(flat + ".lora_down.weight", [2, 6])
    bench.factor(flat + ".lora_up.weight", [4, 2])
    try write()
    #expect(
      bench.refusal("style.safetensors")
        == "style.safetensors: tensor \"\(flat).lora_down.weight\" does not fit \"\(q).weight\" of shape [6, 4]: A is [2, 6] and B is [4, 2]"
    )
  }

  @Test func `a strength goes part of the way to DoRA's weight`() throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let a = bench.factor(flat + ".lora_down.weight", [2, 4])
    let b = bench.factor(flat + ".lora_up.weight", [6, 2])
    let m = bench.factor(flat + ".dora_scale", [1, 4])
    try write()
    var v = w + b * a
    for column in 0..<4 {
      let norm = (0..<6).reduce(0) { $0 + v[$1, column] * v[$1, column] }.squareRoot()
      for row in 0..<6 { v[row, column] *= m.values[column] / norm }
    }
    FormatBench.expect(try bench.merged("style.safetensors")[q + ".weight"], v)
    FormatBench.expect(
      try bench.merged("style.safetensors", strength: 0.25)[q + ".weight"], 0.75 * w + 0.25 * v)
  }

  @Test func `sd-scripts bounds a rotation with the same number on both sides`() throws {
    let own = "oft_unet_down_blocks_0_attentions_0_to_q"
    let w = bench.weight(q + ".weight", [6, 4])
    let blocks = bench.factor(own + ".oft_blocks", [3, 2, 2])
    bench.factor(own + ".alpha", [], [0.01])
    try write()
    // Q is [[0, x], [−x, 0]] of each block, all of them together as long as alpha · out; Rᵀ turns
    // by the angle whose half has the tangent x.
    let skews = (0..<3).map { block in blocks[block, 1] - blocks[block, 2] }
    let squares = skews.reduce(0) { $0 + $1 * $1 }
    let length = (2 * squares).squareRoot()
    #expect(length > 0.06)
    var v = w
    for (block, skew) in skews.enumerated() {
      let x: Double = skew * (0.06 + 1e-8) / (length + 1e-8)
      let c: Double = (1 - x * x) / (1 + x * x)
      let s: Double = 2 * x / (1 + x * x)
      for column in 0..<4 {
        let (first, second) = (w[2 * block, column], w[2 * block + 1, column])
        v[2 * block, column] = c * first - s * second
        v[2 * block + 1, column] = s * first + c * second
      }
    }
    FormatBench.expect(try bench.merged("style.safetensors")[q + ".weight"], v)
  }
}
