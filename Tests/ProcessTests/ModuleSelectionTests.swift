// --scale, --only and --except from the command line to the bytes.
import Foundation
import OrderedJSON
import Safetensors
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct ModuleSelectionTests {
  let scratch = Scratch()

  private static let attention = [0, 1].map { "model.layers.\($0).self_attn.q_proj" }
  private static let mlp = [0, 1].map { "model.layers.\($0).mlp.up_proj" }

  /// A base in F32 and an adapter for all of it; `halved` are the modules whose B is half as large.
  private func write(_ folder: String, halved: [String] = [], without: [String] = []) throws {
    var tensors: [SampleTensor] = []
    for (index, module) in (Self.attention + Self.mlp).enumerated() where !without.contains(module)
    {
      let pair = GoldenModel.pair(module, out: 37, in: 29, rank: 5, seed: UInt64(10 + 2 * index))
      tensors.append(pair[0])
      tensors.append(halved.contains(module) ? half(pair[1]) : pair[1])
    }
    try scratch.write(folder + "/adapter_model.safetensors", tensors)
    try scratch.write(
      folder + "/adapter_config.json", GoldenModel.adapterConfig(rank: 5, alpha: 7))
  }

  private func writeBase() throws {
    let weights = (Self.attention + Self.mlp).enumerated().map { index, module in
      GoldenModel.tensor(module + ".weight", .f32, [37, 29], seed: UInt64(index))
    }
    try scratch.write("base/model.safetensors", weights)
    try scratch.write("base/config.json", #"{"model_type": "llama"}"#)
  }

  /// Each element with an exponent one lower: none is subnormal.
  private func half(_ tensor: SampleTensor) -> SampleTensor {
    var bytes = tensor.bytes
    for start in stride(from: 0, to: bytes.count, by: 4) {
      let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
      let halved = (Float(bitPattern: bits) / 2).bitPattern
      for byte in 0..<4 { bytes[start + byte] = UInt8(truncatingIfNeeded: halved >> (8 * byte)) }
    }
    return SampleTensor(tensor.name, tensor.dtype, tensor.shape, bytes: bytes)
  }

  private func merge(_ adapter: String, to output: String, _ words: [String] = []) throws -> Data {
    try GoldenMerge.run(
      base: scratch("base"), adapters: [scratch(adapter)], to: scratch(output),
      words + (words.contains("--workers") ? [] : ["--workers", "0"]))
    return try Data(contentsOf: URL(filePath: scratch(output + "/model.safetensors")))
  }

  @Test func `half of a module's update is what half of its factor gives, byte for byte`() throws {
    try writeBase()
    try write("whole")
    try write("halved", halved: Self.mlp)
    try write("quartered", halved: [Self.mlp[1], Self.attention[1]])
    let whole = try merge("whole", to: "plain")
    let scaled = try merge("whole", to: "scaled", ["--scale", "mlp=0.5"])
    #expect(try scaled == merge("halved", to: "expected"))
    #expect(scaled != whole)
    #expect(
      try merge("whole", to: "layer", ["--scale", "layers.1=0.5", "--workers", "2"])
        == merge("quartered", to: "expectedLayer"))
    #expect(
      try merge("whole", to: "twice", ["--scale", "mlp=4", "--scale", "*.up_proj=0.125"]) == scaled)
  }

  @Test func `what is left out is what the base has`() throws {
    try writeBase()
    try write("whole")
    try write("part", without: Self.mlp)
    let expected = try merge("part", to: "expected")
    #expect(try merge("whole", to: "only", ["--only", "self_attn"]) == expected)
    #expect(try merge("whole", to: "except", ["--except", "layers.*.mlp"]) == expected)
    #expect(try merge("whole", to: "zero", ["--scale", "mlp=0"]) == expected)
  }

  @Test func `plan, manifest, explain and verify know of it`() throws {
    try writeBase()
    try write("whole")
    let inputs = ["--base", scratch("base"), "--adapter", scratch("whole")]
    let words = ["--scale", "layers.0=0.25", "--except", "1:mlp"]
    let plan = try Command.run(["plan"] + inputs + words)
    #expect(plan.output.contains("\nscale     layers.0=0.25\nexcept    1:mlp\n"), "\(plan)")
    #expect(
      plan.output.contains(
        "\nunused    base_model.model.model.layers.0.mlp.up_proj.lora_A.weight: excluded by --except 1:mlp\n"
      ), "\(plan)")
    let json = try JSON(
      parsing: Array(Command.run(["plan"] + inputs + words + ["--json"]).output.utf8))
    #expect(json["scale"]?.elements?.map(\.text) == ["layers.0=0.25"])
    #expect(json["except"]?.elements?.map(\.text) == ["1:mlp"])
    #expect(json["unused"]?.elements?.count == 4)

    _ = try merge("whole", to: "out", words)
    let manifest = try JSON(
      parsing: Array(Data(contentsOf: URL(filePath: scratch("out/shardweld.json")))))
    #expect(manifest["options"]?["scale"]?.elements?.map(\.text) == ["layers.0=0.25"])
    #expect(manifest["options"]?["except"]?.elements?.map(\.text) == ["1:mlp"])
    let story = try Command.run(["explain", scratch("out"), Self.attention[0] + ".weight"])
    #expect(story.output.contains("--scale layers.0=0.25"), "\(story)")
    let verified = try Command.run(
      ["verify", scratch("out"), "--progress", "none", "--recompute", "100"] + inputs)
    #expect(
      verified.exitCode == 0 && verified.output.contains("merged    2 tensors"), "\(verified)")
    let base = try Command.run(
      ["verify", scratch("out"), "--progress", "none", "--base", scratch("base")])
    #expect(base.exitCode == 0, "\(base)")
  }

  @Test func `many tensors left out for one reason are one line of the plan`() throws {
    let golden = GoldenCase("lora-f32")
    let words = ["plan", "--base", golden.base, "--adapter", golden.adapters[0], "--only", "mlp"]
    let short = try Command.run(words)
    #expect(
      short.output.contains(
        "\nunused    32 tensors such as base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight: excluded by --only\n\n"
      ), "\(short)")
    let long = try Command.run(words + ["--tensors"])
    #expect(long.output.split(separator: "\n").filter { $0.hasPrefix("unused ") }.count == 32)
  }

  @Test(arguments: [
    (["--scale", "mlp=0.5"], "--scale mlp=0.5 matches no module of any adapter"),
    (["--only", "layers.2-9"], "--only layers.2-9 matches no module of any adapter"),
    (["--except", "2:q_proj"], "--except 2:q_proj speaks of adapter 2, but 1 is given"),
    (["--except", "q_proj"], "leave none of its modules"),
    (["--scale", "q_proj"], "flag --scale takes modules and a factor"),
  ])
  func `rules that mean nothing are refused`(words: [String], sentence: String) throws {
    try RefusalBench().expectRefusal(words, naming: [sentence])
  }
}
