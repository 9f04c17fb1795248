// Merges into quantised bases from the command to the folder: what stays, what goes, and what the
// tool tells of it.
import Foundation
import Safetensors
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct QuantizedMergeTests {
  let scratch = Scratch()

  private func json(_ path: String) throws -> [String: Any] {
    let value = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path)))
    return try #require(value as? [String: Any])
  }

  /// The case with an adapter of its first layer's attention alone, and files beside the weights.
  private func part(_ name: String) throws -> (base: String, adapter: String) {
    let golden = GoldenCase(name)
    try FileManager.default.copyItem(atPath: golden.base, toPath: scratch("base"))
    for file in ["quantize_config.json", "recipe.yaml", "tokenizer.json"] {
      try scratch.write("base/" + file, "{}")
    }
    return (scratch("base"), golden.adapters[0])
  }

  private let only = ["--only", "layers.0.self_attn.q_proj"]
  private let touched = "model.layers.0.self_attn.q_proj"

  @Test func `all leaves no trace of the quantisation`() throws {
    let (base, adapter) = try part("q-fp8-block")
    try GoldenMerge.run(base: base, adapters: [adapter], to: scratch("merged"), only)
    let merged = try GoldenCheckpoint(scratch("merged"))
    #expect(merged.tensors.count == 21)
    #expect(merged.tensors.values.allSatisfy { $0.dtype == "BF16" })
    let names = try GoldenFolder(scratch("merged")).names
    #expect(
      names == [
        "config.json", "model.safetensors", "shardweld.json", "tokenizer.json",
      ])
    #expect(try json(scratch("merged/config.json"))["quantization_config"] == nil)
    // What no update touches has the values that the whole case has before its updates.
    let plain = try GoldenCheckpoint(GoldenCase("q-fp8-block").expected).tensors
    let mine = merged.tensors[touched + ".weight"]
    #expect(mine == plain[touched + ".weight"])
  }

  @Test(arguments: [0, 2])
  func `touched leaves the rest quantised and says so in the config`(_ workers: Int) throws {
    let (base, adapter) = try part("q-fp8-block")
    try GoldenMerge.run(
      base: base, adapters: [adapter], to: scratch("merged"),
      only + ["--dequantize", "touched", "--workers", "\(workers)"])
    let merged = try GoldenCheckpoint(scratch("merged")).tensors
    let stored = try GoldenCheckpoint(base).tensors
    #expect(merged[touched + ".weight"]?.dtype == "BF16")
    #expect(merged[touched + ".weight_scale_inv"] == nil)
    #expect(merged.count == stored.count - 1)
    for (name, tensor) in merged where name != touched + ".weight" {
      #expect(stored[name] == tensor, "\(name)")
    }
    let config = try json(scratch("merged/config.json"))
    let section = try #require(config["quantization_config"] as? [String: Any])
    #expect(section["modules_to_not_convert"] as? [String] == ["lm_head", touched])
    #expect(
      try GoldenFolder(scratch("merged")).names.contains("quantize_config.json"))
  }

  @Test func `a merge that touches no quantised weight changes nothing of the quantisation`()
    throws
  {
    let (base, _) = try part("q-nf4")
    let rows = (0..<128 * 2).map { Double($0 % 7) * 0.01 }
    try scratch.write(
      "adapter/adapter_model.safetensors",
      [
        SampleTensor(
          "base_model.model.lm_head.lora_A.weight", .f32, [2, 64], rows.prefix(128).map { $0 }),
        SampleTensor("base_model.model.lm_head.lora_B.weight", .f32, [128, 2], rows),
      ])
    try scratch.write(
      "adapter/adapter_config.json",
      #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["lm_head"]}"#)
    try GoldenMerge.run(base: base, adapters: [scratch("adapter")], to: scratch("merged"))
    let merged = try GoldenCheckpoint(scratch("merged")).tensors
    let stored = try GoldenCheckpoint(base).tensors
    #expect(merged.keys.sorted() == stored.keys.sorted())
    for (name, tensor) in stored where name != "lm_head.weight" {
      #expect(merged[name] == tensor, "\(name)")
    }
    #expect(merged["lm_head.weight"] != stored["lm_head.weight"])
    #expect(try scratch.read("merged/config.json") == scratch.read("base/config.json"))
    #expect(try GoldenFolder(scratch("merged")).names.contains("recipe.yaml"))
  }

  @Test func `a merge with less memory, and one into the base's shards, have the same weights`()
    throws
  {
    for name in ["q-gptq-actorder", "q-awq", "q-nf4-double"] {
      let golden = GoldenCase(name)
      let expected = try GoldenCheckpoint(golden.expected).tensors
      for (index, words) in [
        ["--layout", "source"], ["--memory-limit", "160MB", "--threads", "3"],
      ]
      .enumerated() {
        let output = scratch("\(name)-\(index)")
        try GoldenMerge.run(
          base: golden.base, adapters: golden.adapters, to: output, words + ["--workers", "2"])
        #expect(try GoldenCheckpoint(output).tensors == expected, "\(name) \(words)")
      }
    }
  }

  @Test func `verify, explain and plan know of it`() throws {
    let golden = GoldenCase("q-nf4")
    try golden.merge(to: scratch("merged"))
    for words in [
      ["--base", golden.base], ["--base", golden.base, "--adapter", golden.adapters[0]],
    ] {
      let verified = try Command.run(["verify", scratch("merged")] + words)
      #expect(verified.exitCode == 0, "\(verified)")
    }
    let again = try Command.run([
      "verify", scratch("merged"), "--base", golden.base, "--adapter", golden.adapters[0],
      "--recompute", "100",
    ])
    #expect(again.exitCode == 0, "\(again)")
    let other = try Command.run([
      "verify", scratch("merged"), "--base", GoldenCase("q-nf4-double").base,
    ])
    #expect(other.exitCode == 3, "\(other)")
    let told = try Command.run(["explain", scratch("merged"), touched + ".weight"])
    #expect(told.output.contains("dequantised from bitsandbytes NF4"), "\(told)")
    let plan = try Command.run([
      "plan", "--base", golden.base, "--adapter", golden.adapters[0],
    ])
    #expect(plan.output.contains("weights   14 dequantised from bitsandbytes NF4\n"), "\(plan)")
    #expect(plan.output.contains("config    quantization_config removed\n"))
    let inspected = try Command.run(["inspect", golden.base])
    #expect(inspected.output.contains("bitsandbytes NF4, 14 weights"), "\(inspected)")
  }
}
