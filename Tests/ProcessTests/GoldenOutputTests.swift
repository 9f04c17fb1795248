// The form of the output: shards, index, config, side files, element types, digests.
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct GoldenOutputTests {
  let scratch = Scratch()

  private func json(_ path: String) throws -> [String: Any] {
    let value = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path)))
    return try #require(value as? [String: Any])
  }

  // MARK: Layouts

  @Test(arguments: GoldenCase.all)
  func `layout source keeps the base's shards, their order, index and config`(
    _ golden: GoldenCase
  ) throws {
    try golden.merge(to: scratch("merged"), "--layout", "source")
    let (base, merged) = (try GoldenFolder(golden.base), try GoldenFolder(scratch("merged")))
    #expect(merged.names == (base.names + ["shardweld.json"]).sorted())
    let kept = base.names.filter { !$0.hasSuffix(".safetensors") }
    #expect(kept.count >= 2)
    for name in kept { #expect(merged.files[name] == base.files[name], "\(name)") }
    let (from, to) = (
      try GoldenCheckpoint(golden.base), try GoldenCheckpoint(scratch("merged"))
    )
    for name in from.shardNames {
      #expect(to.shards[name]?.map(\.name) == from.shards[name]?.map(\.name), "\(name)")
    }
  }

  @Test func `layout layers keeps the base's order inside a shard and layers whole`() throws {
    let golden = GoldenCase("lora-bf16")
    try golden.merge(to: scratch("merged"), "--max-shard-size", "30KB")
    let merged = try GoldenCheckpoint(scratch("merged"))
    #expect(merged.shardNames.count > 2)
    let base = try GoldenCheckpoint(golden.base)
    let order = base.shardNames.flatMap { base.shards[$0]!.map(\.name) }
    var layers: [String: Set<String>] = [:]
    for (shard, tensors) in merged.shards {
      let places = tensors.map { order.firstIndex(of: $0.name)! }
      #expect(places == places.sorted(), "\(shard)")
      #expect(tensors.reduce(0) { $0 + $1.bytes.count } <= 30_000, "\(shard)")
      for tensor in tensors where tensor.name.hasPrefix("model.layers.") {
        layers[tensor.name.split(separator: ".")[2].description, default: []].insert(shard)
      }
    }
    #expect(layers.count == 4)
    #expect(layers.values.allSatisfy { $0.count == 1 })
  }

  @Test func `the index tells where each tensor is and how many bytes all have`() throws {
    let golden = GoldenCase("lora-bf16")
    try golden.merge(to: scratch("merged"), "--max-shard-size", "30KB", "--dtype", "f32")
    let merged = try GoldenCheckpoint(scratch("merged"))
    let index = try json(scratch("merged/model.safetensors.index.json"))
    #expect(index["weight_map"] as? [String: String] == merged.places)
    let total = merged.tensors.values.reduce(0) { $0 + $1.bytes.count }
    #expect((index["metadata"] as? [String: Any])?["total_size"] as? Int == total)
    #expect(total == 54_560 * 4)
  }

  @Test func `what fits in one file is model.safetensors without an index`() throws {
    let golden = GoldenCase("lora-bf16")
    try golden.merge(to: scratch("merged"))
    #expect(
      try GoldenFolder(scratch("merged")).names
        == ["config.json", "generation_config.json", "model.safetensors", "shardweld.json"])
  }

  @Test func `headers are padded to eight bytes and name the format`() throws {
    let golden = GoldenCase("lora-bf16")
    try golden.merge(to: scratch("merged"), "--layout", "source")
    for (name, file) in try GoldenFolder(scratch("merged")).files
    where name.hasSuffix(".safetensors") {
      let bytes = [UInt8](file)
      let count = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      #expect(count % 8 == 0, "\(name)")
      let header = try JSONSerialization.jsonObject(with: Data(bytes[8..<(8 + count)]))
      let metadata = (header as? [String: Any])?["__metadata__"]
      #expect(metadata as? [String: String] == ["format": "pt"], "\(name)")
    }
  }

  // MARK: Element types

  @Test(arguments: ["f32", "bf16", "f16"], ["lora-bf16", "lora-f32", "lora-f16"])
  func `a chosen dtype rounds the Float32 result once`(_ dtype: String, _ name: String) throws {
    let golden = GoldenCase(name)
    try golden.merge(to: scratch("merged"), "--dtype", dtype)
    let merged = try GoldenCheckpoint(scratch("merged")).tensors
    let base = try GoldenCheckpoint(golden.base).tensors
    let pairs = try ReferenceAdapter(golden.adapters[0]).pairs
    #expect(merged.count == base.count)
    for (name, weight) in base {
      let updates = pairs[name].map { [(pair: $0, strength: 1.0)] } ?? []
      let own = try #require(merged[name])
      #expect(own.dtype == dtype.uppercased() && own.shape == weight.shape, "\(name)")
      let expected =
        updates.isEmpty
        ? weight.floats.flatMap { GoldenReference.bytes(of: $0, own.dtype) }
        : GoldenReference.float32(weight, updates, dtype: own.dtype)
      #expect(own.bytes == expected, "\(name)")
    }
    // The config says so, and nothing else of it changes.
    var config = try json(scratch("merged/config.json"))
    let words = ["f32": "float32", "bf16": "bfloat16", "f16": "float16"]
    #expect(config["dtype"] as? String == words[dtype])
    var before = try json(golden.base + "/config.json")
    #expect(before["dtype"] as? String != nil)
    config["dtype"] = nil
    before["dtype"] = nil
    #expect(NSDictionary(dictionary: config) == NSDictionary(dictionary: before))
  }

  @Test func `a chosen dtype leaves whole numbers alone`() throws {
    let golden = GoldenCase("conv2d")
    try golden.merge(to: scratch("merged"), "--dtype", "bf16")
    let merged = try GoldenCheckpoint(scratch("merged")).tensors
    let whole = try GoldenCheckpoint(golden.base).tensors.values.filter { $0.dtype == "I64" }
    #expect(whole.count == 6)
    for tensor in whole { #expect(merged[tensor.name] == tensor) }
    #expect(merged.values.filter { $0.dtype == "BF16" }.count == merged.count - 6)
  }

  // MARK: Digests

  @Test(arguments: [0, 2])
  func `sha256 digests are those of sha256sum`(_ workers: Int) throws {
    let golden = GoldenCase("lora-bf16")
    try golden.merge(
      to: scratch("merged"), "--digest", "sha256", "--layout", "source", workers: workers)
    let manifest = try json(scratch("merged/shardweld.json"))
    let shards = try #require(manifest["shards"] as? [[String: Any]])
    #expect(shards.count == 5)
    for shard in shards {
      let name = try #require(shard["name"] as? String)
      let sum = try Command.run([scratch("merged/" + name)], program: "/usr/bin/sha256sum")
      let digest = try #require(sum.output.split(separator: " ").first)
      #expect(shard["digest"] as? String == "sha256:" + digest, "\(name)")
    }
  }

  @Test func `the manifest tells inputs, adapters and each tensor's updates`() throws {
    let golden = GoldenCase("lora-some-layers")
    try golden.merge(to: scratch("merged"))
    let manifest = try json(scratch("merged/shardweld.json"))
    #expect(manifest["contract"] as? String == "f32-once")
    #expect((manifest["base"] as? [[String: Any]])?.count == 5)
    let adapters = try #require(manifest["adapters"] as? [[String: Any]])
    #expect(adapters.map { $0["name"] as? String } == ["adapter"])
    let shards = try #require(manifest["shards"] as? [[String: Any]])
    let tensors = shards.flatMap { $0["tensors"] as? [[String: Any]] ?? [] }
    let updated = tensors.filter { $0["updates"] != nil }.compactMap { $0["name"] as? String }
    let pairs = try ReferenceAdapter(golden.adapters[0]).pairs
    #expect(updated.sorted() == pairs.keys.sorted())
    let text = try String(contentsOfFile: scratch("merged/shardweld.json"), encoding: .utf8)
    #expect(!text.contains(scratch.path) && !text.contains(golden.folder))
  }

  // MARK: Files beside the weights

  @Test(arguments: [0, 2])
  func `side files are copied byte for byte and stale weights are left`(_ workers: Int) throws {
    let golden = GoldenCase("lora-bf16")
    let base = scratch("base")
    try FileManager.default.copyItem(atPath: golden.base, toPath: base)
    let kept = [
      "tokenizer.json": "{ \"odd\" :  1 }\r\n", "tokenizer.model": "\u{0}\u{1}\u{2}",
      "chat_template.jinja": "{{ messages }}", "modeling_own.py": "print('hello')\n",
      "README.md": "", "assets/deep/notes.txt": "notes", "LICENSE": "free",
    ]
    let left = [
      "pytorch_model.bin", "consolidated.00.pth", "consolidated.safetensors",
      "original/params.json", "model.gguf", ".gitattributes", "checkpoint-10/optimizer.pt",
      "pytorch_model.bin.index.json", "adapter_config.json",
    ]
    for (name, text) in kept { try scratch.write("base/" + name, text) }
    for name in left { try scratch.write("base/" + name, "{}") }
    try scratch.write("elsewhere/blob", "linked")
    try scratch.link("base/merges.txt", to: scratch("elsewhere/blob"))
    try GoldenMerge.run(
      base: base, adapters: golden.adapters, to: scratch("merged"), ["--workers", "\(workers)"])
    let merged = try GoldenFolder(scratch("merged"))
    let own = ["config.json", "generation_config.json", "model.safetensors", "shardweld.json"]
    #expect(merged.names == (own + kept.keys + ["merges.txt"]).sorted())
    for (name, text) in kept { #expect(merged.files[name] == Data(text.utf8), "\(name)") }
    #expect(merged.files["merges.txt"] == Data("linked".utf8))
    let attributes = try FileManager.default.attributesOfItem(atPath: scratch("merged/merges.txt"))
    #expect(attributes[.type] as? FileAttributeType == .typeRegular)
  }

  @Test func `a config that needs no change keeps every byte`() throws {
    let golden = GoldenCase("lora-bf16")
    try FileManager.default.copyItem(atPath: golden.base, toPath: scratch("base"))
    let config =
      "{\"model_type\" :\t\"llama\",\r\n \"vocab_size\":1.28E2, \"x\": [ ],\"ü\":\"\\u00fc\"}"
    try scratch.write("base/config.json", config)
    try GoldenMerge.run(base: scratch("base"), adapters: golden.adapters, to: scratch("merged"))
    #expect(try scratch.read("merged/config.json") == Array(config.utf8))
  }

  @Test func `a base without a config is merged without one`() throws {
    let golden = GoldenCase("lora-bf16")
    try FileManager.default.copyItem(atPath: golden.base, toPath: scratch("base"))
    try FileManager.default.removeItem(atPath: scratch("base/config.json"))
    try GoldenMerge.run(base: scratch("base"), adapters: golden.adapters, to: scratch("merged"))
    let merged = try GoldenFolder(scratch("merged"))
    #expect(merged.files["config.json"] == nil && merged.files["model.safetensors"] != nil)
  }
}
