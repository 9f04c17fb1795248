// Which tensors share a shard, under which name, at which place.
import Planning
import Safetensors
import Testing

/// Layers of three tensors each, ten of them, between an embedding and a head.
private let layers: [TinyModel.Tensor] =
  [("model.embed_tokens.weight", .bf16, [64, 8])]
  + (0..<12).flatMap { layer in
    ["q", "k", "v"].map { ("model.layers.\(layer).\($0).weight", DType.bf16, [8, 8]) }
  } + [("lm_head.weight", .bf16, [64, 8])]

private func model() throws -> TinyModel {
  let model = try TinyModel(layers.sorted { $0.name < $1.name })
  try model.add(TinyModel.pair("model.layers.0.q", out: 8, in: 8))
  return model
}

@Test func `shards hold whole layers in the order of their numbers`() throws {
  let plan = try model().plan { $0.maxShardByteCount = 1000 }
  var seen: [Int] = []
  for job in plan.jobs {
    let numbers = Set(
      job.recipes.compactMap { Int($0.name.split(separator: ".").dropFirst(2).first ?? "") })
    for number in numbers {
      #expect(job.recipes.filter { $0.name.hasPrefix("model.layers.\(number).") }.count == 3)
    }
    seen += numbers.sorted()
  }
  #expect(seen == Array(0..<12))
  #expect(plan.jobs.count > 3 && plan.hasIndex)
  let names = plan.jobs.map(\.shardName)
  #expect(names.first == "model-00001-of-\(pad(names.count)).safetensors")
}

@Test func `layers whose tensors do not follow each other are put together`() throws {
  let layer = { (number: Int) in "\(number % 2 == 0 ? "encoder" : "décodeur").\(number).k.weight" }
  let model = try TinyModel(
    (0..<4).map { (layer($0), DType.bf16, [8, 8]) } + [("norm.weight", DType.bf16, [8])]
      + (0..<4).map { (layer($0).replacing(".k.", with: ".q."), DType.bf16, [8, 8]) })
  try model.add(TinyModel.pair("encoder.0.k", out: 8, in: 8))
  let plan = try model.plan { $0.maxShardByteCount = 256 }
  #expect(
    plan.jobs.map { $0.recipes.map(\.name) } == [
      ["encoder.0.k.weight", "encoder.0.q.weight"], ["encoder.2.k.weight", "encoder.2.q.weight"],
      ["décodeur.1.k.weight", "décodeur.1.q.weight"],
      ["décodeur.3.k.weight", "décodeur.3.q.weight"], ["norm.weight"],
    ])
}

@Test func `no shard is larger than asked unless one tensor is`() throws {
  for limit: Int64 in [100, 200, 400, 800, 1024, 2000, 5000] {
    let plan = try model().plan { $0.maxShardByteCount = limit }
    for job in plan.jobs {
      let data = job.byteCount - job.headerByteCount
      #expect(data <= limit || job.recipes.count == 1, "\(limit)")
    }
    #expect(plan.jobs.reduce(0) { $0 + $1.recipes.count } == layers.count)
  }
}

@Test func `shards are balanced`() throws {
  let plan = try model().plan { $0.maxShardByteCount = 2048 }
  let sizes = plan.jobs.map { $0.byteCount - $0.headerByteCount }
  #expect(sizes.max()! <= 2048)
  #expect(sizes.count <= 5)
}

@Test func `what fits one file is one file without an index`() throws {
  let plan = try model().plan()
  #expect(plan.jobs.map(\.shardName) == ["model.safetensors"])
  #expect(!plan.hasIndex)
}

@Test func `layout source keeps shards, names and order`() throws {
  let model = try model()
  let plan = try model.plan { $0.layout = .source }
  #expect(plan.jobs.map(\.shardName) == ["model.safetensors"])
  #expect(plan.jobs[0].recipes.map(\.name) == layers.map(\.name).sorted())
}

@Test func `tensors tile their shard and stay on their own boundaries`() throws {
  let model = try TinyModel([
    ("a", .u8, [3]), ("b", .f32, [2]), ("c", .bf16, [5]), ("d", .f64, [1]), ("e", .i64, []),
    ("q.weight", .f32, [4, 4]),
  ])
  try model.add(TinyModel.pair("q", out: 4, in: 4))
  let job = try model.plan().jobs[0]
  var offset: Int64 = 0
  for recipe in job.recipes {
    #expect(recipe.offset == offset && offset % Int64(recipe.dtype.byteCount) == 0)
    offset += recipe.byteCount
  }
  #expect(job.byteCount == job.headerByteCount + offset)
  #expect(job.recipes.map(\.name) == ["d", "e", "b", "q.weight", "c", "a"])
}

@Test func `another dtype converts floating tensors alone and says so in the config`() throws {
  let model = try TinyModel(
    [("a", .i64, [2]), ("b", .f32, [2]), ("q.weight", .bf16, [4, 4])],
    config: #"{"torch_dtype": "bfloat16", "text_config": {"dtype": "bfloat16"}}"#)
  try model.add(TinyModel.pair("q", out: 4, in: 4))
  let plan = try model.plan { $0.dtype = .f16 }
  #expect(plan.recipe("a")?.isCopy == true)
  #expect(plan.recipe("b")?.dtype == .f16 && plan.recipe("q.weight")?.dtype == .f16)
  #expect(
    plan.configChanges == [
      ConfigChange(path: ["text_config", "dtype"], value: #""float16""#),
      ConfigChange(path: ["torch_dtype"], value: #""float16""#),
    ])
}

@Test func `the same inputs give the same plan`() throws {
  let model = try model()
  #expect(try model.plan() == model.plan())
}

private func pad(_ number: Int) -> String {
  String(repeating: "0", count: 5 - String(number).count) + String(number)
}
