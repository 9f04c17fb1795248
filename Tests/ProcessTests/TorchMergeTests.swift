// Bases and adapters that torch saved, merged by the real program: the output is that of the same
// weights as safetensors, byte for byte.
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct TorchMergeTests {
  let scratch = Scratch()

  private static let root = GoldenCase.fixtures + "/torch/merges/"
  private static let names = [
    "bert-tied", "gpt2-transposed", "llama-old", "llama-shared", "llama-tied", "t5-tied",
  ]

  private func merge(
    _ name: String, torch: Bool, to output: String, _ words: [String] = []
  ) throws -> [String: Data] {
    let ending = torch ? "-torch" : ""
    try GoldenMerge.run(
      base: Self.root + name + "/base" + ending,
      adapters: [Self.root + name + "/adapter" + ending], to: scratch(output), words)
    var files = try GoldenFolder(scratch(output)).files
    // The manifest names the inputs, which are other files.
    #expect(files.removeValue(forKey: "shardweld.json") != nil)
    return files
  }

  @Test func `every folder of the fixtures is merged`() throws {
    #expect(try FileManager.default.contentsOfDirectory(atPath: Self.root).sorted() == Self.names)
  }

  @Test(arguments: names, ["layers", "source"])
  func `the output is that of the same weights as safetensors`(
    name: String, layout: String
  ) throws {
    let words = ["--layout", layout, "--max-shard-size", "4KB"]
    var torch = try merge(name, torch: true, to: "torch", words)
    var plain = try merge(name, torch: false, to: "plain", words)
    if layout == "source", let own = torch["model.safetensors.index.json"] {
      // The base's own index is kept where there is one; they must say the same.
      let index = plain.removeValue(forKey: "model.safetensors.index.json")
      let other = try #require(index)
      torch["model.safetensors.index.json"] = nil
      #expect(try Self.map(own) == Self.map(other))
    }
    #expect(torch.keys.sorted() == plain.keys.sorted())
    for (file, bytes) in plain { #expect(torch[file] == bytes, "\(file)") }
    #expect(!torch.keys.contains { $0.hasSuffix(".bin") || $0.hasSuffix(".bin.index.json") })
  }

  private static func map(_ index: Data) throws -> [String: String]? {
    let json = try JSONSerialization.jsonObject(with: index) as? [String: Any]
    return json?["weight_map"] as? [String: String]
  }

  @Test(arguments: ["gpt2-transposed", "llama-tied"])
  func `workers write the same bytes as one process`(name: String) throws {
    let words = ["--max-shard-size", "4KB"]
    let alone = try merge(name, torch: true, to: "0", words + ["--workers", "0"])
    let two = try merge(name, torch: true, to: "2", words + ["--workers", "2"])
    #expect(alone == two && alone.count > 4)
  }

  @Test func `a merge is verified against what torch saved, and tensors are merged again`() throws {
    let name = "gpt2-transposed"
    _ = try merge(name, torch: true, to: "merged")
    func verify(_ base: String) throws -> Command.Outcome {
      try Command.run([
        "verify", scratch("merged"), "--base", base, "--adapter",
        Self.root + name + "/adapter-torch", "--recompute", "100",
      ])
    }
    let base = Self.root + name + "/base-torch"
    let run = try verify(base)
    #expect(run.exitCode == 0, "\(run)")

    // One bit of a transposed weight.
    try FileManager.default.copyItem(atPath: base, toPath: scratch("other"))
    var bytes = try scratch.read("other/pytorch_model.bin")
    bytes[bytes.count / 2] ^= 1
    try scratch.write("other/pytorch_model.bin", bytes)
    let other = try verify(scratch("other"))
    #expect(other.exitCode == 3, "\(other)")
    #expect(other.errors.contains("is not what was merged"), "\(other)")
  }

  @Test func `a difference between both ways of saving is none`() throws {
    for name in Self.names {
      let run = try Command.run([
        "diff", Self.root + name + "/base", Self.root + name + "/base-torch",
      ])
      #expect(run.exitCode == 0, "\(run)")
    }
  }
}
