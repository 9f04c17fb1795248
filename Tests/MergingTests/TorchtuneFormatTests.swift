import Planning
import TestSupport
import Testing

/// torchtune's own files, merged into transformers' checkpoints.
struct TorchtuneFormatTests {
  private let bench = FormatBench()
  private let config = #"{"r": 2, "lora_alpha": 6, "target_modules": ["q_proj"]}"#

  private func write(_ base: String, _ config: String? = nil) throws {
    try bench.writeBase(base)
    try bench.scratch.write("adapter/adapter_0.safetensors", bench.adapter)
    try bench.scratch.write("adapter/adapter_config.json", config ?? self.config)
  }

  /// torchtune's own words, as numpy would say them: view(heads, head/2, 2, r), the middle two
  /// exchanged, flattened.
  private func permuted(_ b: Grid, heads: Int) -> Grid {
    let head = b.rows / heads
    var result = b
    for h in 0..<heads {
      for i in 0..<head / 2 {
        for j in 0..<2 {
          for k in 0..<b.columns {
            result[h * head + j * (head / 2) + i, k] = b[h * head + i * 2 + j, k]
          }
        }
      }
    }
    return result
  }

  @Test(
    arguments: [
      (#"{"model_type": "llama", "hidden_size": 16, "num_attention_heads": 2}"#, true),
      (#"{"model_type": "gemma2", "head_dim": 8, "hidden_size": 4}"#, true),
      (#"{"model_type": "qwen2", "hidden_size": 4}"#, false),
    ])
  func `rows of heads are put in the base's order`(base: String, isPermuted: Bool) throws {
    let names = ["self_attn.q_proj", "self_attn.v_proj"].map { "model.layers.3.\($0).weight" }
    let (q, v) = (bench.weight(names[0], [16, 4]), bench.weight(names[1], [16, 4]))
    let a = bench.factor("layers.3.attn.q_proj.lora_a.weight", [2, 4])
    let b = bench.factor("layers.3.attn.q_proj.lora_b.weight", [16, 2])
    let c = bench.factor("layers.3.attn.v_proj.lora_a.weight", [2, 4])
    let d = bench.factor("layers.3.attn.v_proj.lora_b.weight", [16, 2])
    try write(base)
    #expect(try bench.plan("adapter").adapters[0].kind == "TORCHTUNE")
    let merged = try bench.merged("adapter")
    let own = isPermuted ? permuted(b, heads: 2) : b
    FormatBench.expect(merged[names[0]], q + 3 * (own * a))
    FormatBench.expect(merged[names[1]], v + 3 * (d * c))
    #expect(!isPermuted || own != b)
  }

  @Test func `names are those of a transformers model`() throws {
    let layer = "model.layers.0."
    let pairs = [
      ("layers.0.attn.output_proj", layer + "self_attn.o_proj"),
      ("layers.0.mlp.w1", layer + "mlp.gate_proj"), ("layers.0.mlp.w2", layer + "mlp.down_proj"),
      ("layers.0.mlp.w3", layer + "mlp.up_proj"), ("output", "lm_head"),
    ]
    var expected: [String: Grid] = [:]
    for (own, name) in pairs {
      let w = bench.weight(name + ".weight", [6, 4])
      let a = bench.factor(own + ".lora_a.weight", [2, 4])
      let b = bench.factor(own + ".lora_b.weight", [6, 2])
      expected[name + ".weight"] = w + 3 * (b * a)
    }
    try write(#"{"model_type": "llama"}"#)
    let merged = try bench.merged("adapter")
    for (name, grid) in expected { FormatBench.expect(merged[name], grid) }
  }

  @Test func `DoRA is merged where no rows are to be moved`() throws {
    let w = bench.weight("model.layers.0.self_attn.v_proj.weight", [6, 4])
    let a = bench.factor("layers.0.attn.v_proj.lora_a.weight", [2, 4])
    let b = bench.factor("layers.0.attn.v_proj.lora_b.weight", [6, 2])
    let m = bench.factor("layers.0.attn.v_proj.magnitude", [6])
    try write(#"{"model_type": "llama"}"#)
    var v = w + 3 * (b * a)
    for row in 0..<6 {
      let norm = (0..<4).reduce(0) { $0 + v[row, $1] * v[row, $1] }.squareRoot()
      for column in 0..<4 { v[row, column] *= m.values[row] / norm }
    }
    FormatBench.expect(try bench.merged("adapter")["model.layers.0.self_attn.v_proj.weight"], v)
  }

  @Test func `heads whose order is not known are refused`() throws {
    bench.weight("model.layers.0.self_attn.q_proj.weight", [6, 4])
    bench.factor("layers.0.attn.q_proj.lora_a.weight", [2, 4])
    bench.factor("layers.0.attn.q_proj.lora_b.weight", [6, 2])
    let module = "model.layers.0.self_attn.q_proj"
    try write(#"{"model_type": "phi3"}"#)
    #expect(
      bench.refusal("adapter")
        == "adapter: in which order module \"\(module)\" has the rows of its heads is not known for a base of type phi3; export it with torchtune as a PEFT adapter"
    )
    try write("{}")
    #expect(
      bench.refusal("adapter")
        == "adapter: in which order module \"\(module)\" has the rows of its heads is not known for a base of type that no config.json tells; export it with torchtune as a PEFT adapter"
    )
    try write(#"{"model_type": "llama", "head_dim": 4}"#)
    #expect(
      bench.refusal("adapter")
        == "adapter: tensor \"layers.0.attn.q_proj.lora_b.weight\" does not fit \"\(module).weight\" of shape [6, 4]: B is [6, 2], for heads of 4 rows"
    )
  }

  @Test func `the magnitudes of a head lie as its rows do`() throws {
    let w = bench.weight("model.layers.0.self_attn.q_proj.weight", [8, 4])
    let a = bench.factor("layers.0.attn.q_proj.lora_a.weight", [2, 4])
    let b = bench.factor("layers.0.attn.q_proj.lora_b.weight", [8, 2])
    let m = bench.factor("layers.0.attn.q_proj.magnitude", [8])
    try write(#"{"model_type": "llama", "head_dim": 4}"#)
    // The base's row i of half j of a head is the adapter's row 2i + j.
    let order = [0, 2, 1, 3, 4, 6, 5, 7]
    let delta = b * a
    var v = w
    for row in 0..<8 {
      for column in 0..<4 { v[row, column] += 3 * delta[order[row], column] }
      let norm = (0..<4).reduce(0) { $0 + v[row, $1] * v[row, $1] }.squareRoot()
      for column in 0..<4 { v[row, column] *= m.values[order[row]] / norm }
    }
    FormatBench.expect(try bench.merged("adapter")["model.layers.0.self_attn.q_proj.weight"], v)
  }
}
