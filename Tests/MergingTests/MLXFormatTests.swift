import Planning
import TestSupport
import Testing

/// Adapters of mlx-lm, merged.
struct MLXFormatTests {
  private let bench = FormatBench()
  private let q = "model.layers.0.self_attn.q_proj"

  private func write(_ config: String) throws {
    try bench.writeBase()
    try bench.scratch.write("adapter/adapters.safetensors", bench.adapter)
    try bench.scratch.write("adapter/adapter_config.json", config)
  }

  private func config(
    _ kind: String = "lora", _ parameters: String = #""rank": 2, "scale": 20.0, "dropout": 0.0"#
  ) -> String {
    """
    {"fine_tune_type": "\(kind)", "num_layers": 4, "model": "org/base", "batch_size": 4, \
    "lora_parameters": {\(parameters)}}
    """
  }

  @Test func `a linear layer gains scale times both transposes`() throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let a = bench.factor(q + ".lora_a", [4, 2])
    let b = bench.factor(q + ".lora_b", [2, 6])
    try write(config())
    let plan = try bench.plan("adapter")
    #expect(plan.adapters[0].kind == "MLX")
    #expect(plan.jobs[0].recipes[0].updates[0].origin == "scale 20.0")
    FormatBench.expect(
      try bench.merged("adapter")[q + ".weight"], w + 20 * (b.transposed * a.transposed))
    FormatBench.expect(
      try bench.merged("adapter", strength: 0.25)[q + ".weight"],
      w + 5 * (b.transposed * a.transposed))
  }

  @Test func `a square layer is not taken for its transpose`() throws {
    let w = bench.weight(q + ".weight", [4, 4])
    let a = bench.factor(q + ".lora_a", [4, 2])
    let b = bench.factor(q + ".lora_b", [2, 4])
    try write(config())
    FormatBench.expect(
      try bench.merged("adapter")[q + ".weight"], w + 20 * (b.transposed * a.transposed))
  }

  @Test func `an alpha of old files counts with the rank`() throws {
    let w = bench.weight(q + ".weight", [6, 4])
    let a = bench.factor(q + ".lora_a", [4, 2])
    let b = bench.factor(q + ".lora_b", [2, 6])
    try write(#"{"lora_layers": 4, "lora_parameters": {"rank": 2, "alpha": 16, "scale": 10.0}}"#)
    let origin = try bench.plan("adapter").jobs[0].recipes[0].updates[0].origin
    #expect(origin == "scale 10.0 × alpha 16.0 / rank 2")
    FormatBench.expect(
      try bench.merged("adapter")[q + ".weight"], w + 80 * (b.transposed * a.transposed))
  }

  @Test func `an embedding's factors lie as its table does`() throws {
    let w = bench.weight("model.embed_tokens.weight", [6, 6])
    let a = bench.factor("model.embed_tokens.lora_a", [6, 2])
    let b = bench.factor("model.embed_tokens.lora_b", [2, 6])
    try write(config())
    FormatBench.expect(
      try bench.merged("adapter")["model.embed_tokens.weight"], w + 20 * (a * b))
  }

  @Test(arguments: [[3, 2, 4], [6, 4]])
  func `stacked experts reach matrices of their own`(_ shape: [Int]) throws {
    let weights = (0..<3).map {
      bench.weight("model.layers.0.block_sparse_moe.experts.\($0).w3.weight", [5, 4])
    }
    let a = bench.factor("model.layers.0.block_sparse_moe.switch_mlp.up_proj.lora_a", shape)
    let b = bench.factor("model.layers.0.block_sparse_moe.switch_mlp.up_proj.lora_b", [3, 5, 2])
    try write(config())
    let merged = try bench.merged("adapter")
    for expert in 0..<3 {
      let own = Grid(2, 4, Array(a.values[expert * 8..<(expert + 1) * 8]))
      let left = Grid(5, 2, Array(b.values[expert * 10..<(expert + 1) * 10]))
      FormatBench.expect(
        merged["model.layers.0.block_sparse_moe.experts.\(expert).w3.weight"],
        weights[expert] + 20 * (left * own))
    }
  }

  @Test func `stacked experts reach their part of a fused stack`() throws {
    let w = bench.weight("model.layers.0.mlp.experts.gate_up_proj", [2, 6, 4])
    let a = bench.factor("model.layers.0.mlp.switch_mlp.up_proj.lora_a", [2, 2, 4])
    let b = bench.factor("model.layers.0.mlp.switch_mlp.up_proj.lora_b", [2, 3, 2])
    try write(config())
    var expected = Grid(12, 4, w.values)
    for expert in 0..<2 {
      let own = Grid(2, 4, Array(a.values[expert * 8..<(expert + 1) * 8]))
      let left = Grid(3, 2, Array(b.values[expert * 6..<(expert + 1) * 6]))
      let delta = 20 * (left * own)
      for row in 0..<3 {
        for column in 0..<4 { expected[expert * 6 + 3 + row, column] += delta[row, column] }
      }
    }
    FormatBench.expect(
      try bench.merged("adapter")["model.layers.0.mlp.experts.gate_up_proj"], expected)
  }

  @Test(arguments: [(q: "model.layers.0.self_attn.q_proj", true), ("model.embed_tokens", false)])
  func `a magnitude belongs to a row`(_ module: String, isLinear: Bool) throws {
    let w = bench.weight(module + ".weight", [6, 4])
    let a = bench.factor(module + ".lora_a", isLinear ? [4, 2] : [6, 2])
    let b = bench.factor(module + ".lora_b", isLinear ? [2, 6] : [2, 4])
    let m = bench.factor(module + ".m", [6])
    try write(config("dora"))
    var v = w + 20 * (isLinear ? b.transposed * a.transposed : a * b)
    for row in 0..<6 {
      let norm = (0..<4).reduce(0) { $0 + v[row, $1] * v[row, $1] }.squareRoot()
      for column in 0..<4 { v[row, column] *= m.values[row] / norm }
    }
    FormatBench.expect(try bench.merged("adapter")[module + ".weight"], v)
  }

  @Test func `full tuning brings the parameters themselves`() throws {
    bench.weight(q + ".weight", [6, 4])
    bench.weight("model.norm.weight", [4])
    for expert in 0..<2 {
      bench.weight("model.layers.0.mlp.experts.\(expert).up_proj.weight", [5, 4])
    }
    let w = bench.factor(q + ".weight", [6, 4])
    let norm = bench.factor("model.norm.weight", [4])
    let up = bench.factor("model.layers.0.mlp.switch_mlp.up_proj.weight", [2, 5, 4])
    try write(#"{"fine_tune_type": "full", "num_layers": 4}"#)
    let merged = try bench.merged("adapter")
    #expect(merged[q + ".weight"] == w.values)
    #expect(merged["model.norm.weight"] == norm.values)
    for expert in 0..<2 {
      #expect(
        merged["model.layers.0.mlp.experts.\(expert).up_proj.weight"]
          == Array(up.values[expert * 20..<(expert + 1) * 20]))
    }
  }

  @Test func `weights that mlx-lm keeps in another form are refused`() throws {
    bench.weight("model.norm.weight", [4])
    bench.factor("model.norm.weight", [4])
    try write(#"{"fine_tune_type": "full", "num_layers": 4}"#)
    try bench.writeBase(#"{"model_type": "qwen3_next"}"#)
    #expect(
      bench.refusal("adapter")
        == "adapter: tensor \"model.norm.weight\" is kept with 1 added by the library that wrote it, so it cannot take the place of \"model.norm.weight\" as it is; fuse it with that library"
    )
    let other = FormatBench()
    other.weight("h.0.attn.c_proj.weight", [4, 4])
    other.factor("h.0.attn.c_proj.weight", [4, 4])
    try other.writeBase(#"{"model_type": "gpt2"}"#)
    try other.scratch.write("adapter/adapters.safetensors", other.adapter)
    try other.scratch.write("adapter/adapter_config.json", #"{"fine_tune_type": "full"}"#)
    #expect(
      other.refusal("adapter")
        == "adapter: tensor \"h.0.attn.c_proj.weight\" is kept transposed by the library that wrote it, so it cannot take the place of \"h.0.attn.c_proj.weight\" as it is; fuse it with that library"
    )
  }

  @Test func `a rank that the config does not have is refused`() throws {
    bench.weight(q + ".weight", [6, 4])
    bench.factor(q + ".lora_a", [4, 2])
    bench.factor(q + ".lora_b", [2, 6])
    try write(config("lora", #""rank": 8, "scale": 20.0"#))
    #expect(
      bench.refusal("adapter")
        == "adapter: module \"model.layers.0.self_attn.q_proj\" has rank 2 in its tensors, but 8 by rank in the config; one of the two is not this adapter's"
    )
  }
}
