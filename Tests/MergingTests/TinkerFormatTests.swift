import Planning
import TestSupport
import Testing

/// Tinker's files, merged.
struct TinkerFormatTests {
  private let bench = FormatBench()
  private let model = "base_model.model.model."

  private func pair(_ module: String, _ rows: Int, _ columns: Int) -> Grid {
    let a = bench.factor("\(model)\(module).lora_A.weight", [2, columns])
    return bench.factor("\(model)\(module).lora_B.weight", [rows, 2]) * a
  }

  private func write(_ base: String) throws {
    try bench.writeBase(base)
    try bench.scratch.write(
      "adapter/adapter_config.json", #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4}"#)
    try bench.scratch.write("adapter/adapter_model.safetensors", bench.adapter)
  }

  @Test func `a tied head gets its own weight, as it was trained`() throws {
    let table = bench.weight("model.embed_tokens.weight", [6, 4])
    let delta = pair("unembed_tokens", 6, 4)
    try write(#"{"model_type": "qwen3", "tie_word_embeddings": true}"#)
    let merged = try bench.merged("adapter")
    FormatBench.expect(merged["model.embed_tokens.weight"], table)
    FormatBench.expect(merged["lm_head.weight"], table + 2 * delta)
  }

  @Test func `rows that the fused projection does not have are refused`() throws {
    let layer = "layers.0.linear_attn."
    bench.weight("model.\(layer)in_proj_qkv.weight", [9, 4])
    bench.weight("lm_head.weight", [6, 4])
    _ = pair("unembed_tokens", 6, 4)
    for (part, rows) in [("q", 3), ("k", 2), ("v", 3)] {
      _ = pair("\(layer)in_proj_\(part)", rows, 4)
    }
    try write(#"{"model_type": "qwen3_5"}"#)
    #expect(
      bench.refusal("adapter")
        == "adapter: tensor \"\(model)\(layer)in_proj_k.lora_A.weight\" does not fit \"model.\(layer)in_proj_qkv.weight\" of shape [9, 4]: A is [2, 4] and B is [2, 2]"
    )
  }

  @Test func `halves whose columns alternate are refused`() throws {
    let experts = "layers.0.mlp.experts."
    bench.weight("model.\(experts)gate_up_proj", [2, 4, 12])
    bench.factor("\(model)\(experts)w1.lora_A.weight", [2, 2, 4])
    bench.factor("\(model)\(experts)w1.lora_B.weight", [2, 6, 2])
    try write(#"{"model_type": "gpt_oss"}"#)
    #expect(
      bench.refusal("adapter")
        == "adapter: tensor \"\(model)\(experts)w1.lora_A.weight\" is for one half of \"model.\(experts)gate_up_proj\", whose gate and up columns alternate, which is not merged; merge it with the library that trained it"
    )
  }
}
