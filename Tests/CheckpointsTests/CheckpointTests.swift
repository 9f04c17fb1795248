import Checkpoints
import OrderedJSON
import Safetensors
import Storage
import TestSupport
import Testing

struct CheckpointTests {
  let scratch = Scratch()

  private func shard(_ name: String, _ tensors: String...) throws {
    try scratch.write(name, tensors.map { SampleTensor($0, .f32, [2]) })
  }

  private func index(_ map: [(String, String)], name: String = "model.safetensors.index.json")
    throws
  {
    let members = map.map { "\"\($0.0)\":\"\($0.1)\"" }.joined(separator: ",")
    try scratch.write(name, "{\"weight_map\":{\(members)}}")
  }

  private func names() throws -> [String] { try Checkpoint.open(scratch.path).shardNames }

  // MARK: With an index

  @Test func `an indexed folder gives its tensors shard by shard`() throws {
    try scratch.write(
      "model-00001-of-00002.safetensors",
      [SampleTensor("b", .bf16, [3, 2]), SampleTensor("a", .f32, [1])])
    try scratch.write("model-00002-of-00002.safetensors", [SampleTensor("c", .f16, [4])])
    try index([
      ("a", "model-00001-of-00002.safetensors"), ("c", "model-00002-of-00002.safetensors"),
    ])
    let config = "{\"model_type\": \"llama\", \"hidden_size\": 4}\n"
    try scratch.write("config.json", config)

    let base = try Checkpoint.open(scratch.path)
    #expect(base.path == scratch.path)
    #expect(
      base.shardNames == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"])
    #expect(base.shards.map(\.path) == base.shardNames.map { scratch($0) })
    let start = base.shards[0].headerByteCount
    #expect(
      base.tensors == [
        BaseTensor(
          name: "b", shard: 0, dtype: .bf16, shape: [3, 2], fileOffset: start, byteCount: 12),
        BaseTensor(
          name: "a", shard: 0, dtype: .f32, shape: [1], fileOffset: start + 12, byteCount: 4),
        BaseTensor(
          name: "c", shard: 1, dtype: .f16, shape: [4],
          fileOffset: base.shards[1].headerByteCount, byteCount: 8),
      ])
    #expect(base.tensor("a") == base.tensors[1])
    #expect(base.tensor("d") == nil)
    #expect(base.config?["model_type"]?.text == "llama")
    #expect(base.configBytes == Array(config.utf8))
    #expect(base.manifest == nil && base.quantization == nil && base.sideFiles.isEmpty)
  }

  @Test func `diffusers' own names for weights go before variants of them`() throws {
    try shard("diffusion_pytorch_model.fp16.safetensors", "t")
    try shard("diffusion_pytorch_model.safetensors", "t")
    #expect(try names() == ["diffusion_pytorch_model.safetensors"])
    try index(
      [("t", "diffusion_pytorch_model.fp16.safetensors")],
      name: "diffusion_pytorch_model.safetensors.index.json")
    #expect(try names() == ["diffusion_pytorch_model.fp16.safetensors"])
  }

  @Test func `adapters of other libraries are no base`() throws {
    for name in ["pytorch_lora_weights.safetensors", "adapters.safetensors"] {
      let folder = Scratch()
      try folder.write(name, [SampleTensor("a", .f32, [1])])
      try folder.write("adapter_config.json", "{}")
      #expect(throws: CheckpointError.adapter(folder: folder.path)) {
        _ = try Checkpoint.open(folder.path)
      }
    }
  }

  @Test func `shards sort by number, also unpadded`() throws {
    let numbers = [1, 2, 10, 11]
    for number in numbers { try shard("model-\(number)-of-11.safetensors", "t\(number)") }
    try index(numbers.reversed().map { ("t\($0)", "model-\($0)-of-11.safetensors") })
    #expect(try names() == numbers.map { "model-\($0)-of-11.safetensors" })
  }

  @Test func `an index decides: files it does not name are ignored`() throws {
    try shard("model.safetensors-00001-of-00001.safetensors", "a")
    try shard("extra.safetensors", "a", "b")
    try shard("consolidated.safetensors", "a")
    try index([("a", "model.safetensors-00001-of-00001.safetensors")])
    let base = try Checkpoint.open(scratch.path)
    #expect(base.tensors.map(\.name) == ["a"])
    #expect(base.sideFiles.isEmpty)
  }

  @Test func `a tensor may lie in another file of the index than it says`() throws {
    try shard("a.safetensors", "x", "y")
    try shard("b.safetensors", "z")
    try index([("x", "a.safetensors"), ("y", "b.safetensors")])
    #expect(try Checkpoint.open(scratch.path).tensor("y")?.shard == 0)
  }

  @Test func `shards may lie in a folder below`() throws {
    try shard("weights/a.safetensors", "x")
    try index([("x", "weights/a.safetensors")])
    #expect(try names() == ["weights/a.safetensors"])
  }

  @Test func `an index that names its files by turns gives each once`() throws {
    try shard("a.safetensors", "x", "z")
    try shard("b.safetensors", "y", "w")
    try index([
      ("x", "a.safetensors"), ("y", "b.safetensors"), ("z", "a.safetensors"),
      ("w", "b.safetensors"),
    ])
    #expect(try names() == ["a.safetensors", "b.safetensors"])
  }

  @Test func `sizes and metadata of an index are not believed`() throws {
    try shard("a.safetensors", "x")
    try scratch.write(
      "model.safetensors.index.json",
      "{\"metadata\":{\"total_size\":-1e9},\"weight_map\":{\"x\":\"a.safetensors\"},\"more\":[{}]}")
    #expect(try names() == ["a.safetensors"])
  }

  @Test func `the index named model goes before others`() throws {
    try shard("a.safetensors", "x")
    try shard("b.safetensors", "x")
    try index([("x", "a.safetensors")])
    try index([("x", "b.safetensors")], name: "model.fp16.safetensors.index.json")
    #expect(try names() == ["a.safetensors"])
  }

  @Test(arguments: ["model.fp16", "diffusion_pytorch_model"])
  func `the only index serves under any name`(stem: String) throws {
    try shard("b.safetensors", "x")
    try shard("unrelated.safetensors", "x")
    try index([("x", "b.safetensors")], name: "\(stem).safetensors.index.json")
    try index([("x", "b.safetensors")], name: "consolidated.safetensors.index.json")
    #expect(try names() == ["b.safetensors"])
  }

  @Test func `one of several indexes can be given by its path`() throws {
    try shard("b.safetensors", "x")
    try index([("x", "b.safetensors")], name: "model.fp16.safetensors.index.json")
    try index([("x", "none.safetensors")], name: "model.fp32.safetensors.index.json")
    let base = try Checkpoint.open(scratch("model.fp16.safetensors.index.json"))
    #expect(base.path == scratch.path)
    #expect(base.shardNames == ["b.safetensors"])
  }

  // MARK: Without an index

  @Test func `model goes before other files and variants`() throws {
    try shard("model.safetensors", "x")
    try shard("model.fp16.safetensors", "x")
    try shard("consolidated.safetensors", "x")
    try index([("x", "model.fp16.safetensors")], name: "model.fp16.safetensors.index.json")
    #expect(try names() == ["model.safetensors"])
  }

  @Test func `the only file serves under any name, strays aside`() throws {
    try shard("weights.safetensors", "x")
    try shard("adapter_model.safetensors", "x")
    try shard("consolidated.00.safetensors", "x")
    #expect(try names() == ["weights.safetensors"])
  }

  @Test(arguments: [
    ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
    ["model-00001-of-000002.safetensors", "model-00002-of-000002.safetensors"],
    ["model-00000-of-00001.safetensors", "model-00001-of-00001.safetensors"],
    [
      "model.safetensors-00001-of-00002.safetensors",
      "model.safetensors-00002-of-00002.safetensors",
    ],
    (1...11).map { "model-\($0)-of-11.safetensors" },
  ]) func `a whole numbered set needs no index`(set: [String]) throws {
    for (number, name) in set.enumerated() { try shard(name, "t\(number)") }
    #expect(try names() == set)
  }

  @Test func `a numbered set named model goes before a lone file`() throws {
    try shard("model-1-of-1.safetensors", "x")
    try shard("vae.safetensors", "y")
    #expect(try names() == ["model-1-of-1.safetensors"])
  }

  @Test func `a file given by itself comes with the config beside it`() throws {
    try shard("any.safetensors", "x")
    try shard("other.safetensors", "x")
    try scratch.write("config.json", "{}")
    try scratch.write("tokenizer.json", "{}")
    let base = try Checkpoint.open(scratch("any.safetensors"))
    #expect(base.path == scratch.path && base.shardNames == ["any.safetensors"])
    #expect(base.config == .object([]) && base.sideFiles == ["tokenizer.json"])
  }

  @Test func `a lone file takes no side files where no config says it is a model`() throws {
    try shard("any.safetensors", "x")
    try scratch.write("letter.txt", "dear")
    let base = try Checkpoint.open(scratch("any.safetensors"))
    #expect(base.config == nil && base.sideFiles.isEmpty)
  }

  @Test func `the manifest of an earlier merge is read`() throws {
    try shard("model.safetensors", "x")
    try scratch.write("shardweld.json", "{\"contract\":\"f32-once\"}")
    let base = try Checkpoint.open(scratch.path)
    #expect(base.manifest?["contract"]?.text == "f32-once")
    #expect(base.sideFiles.isEmpty)
  }
}
