// Adapters merged into .gguf bases: PEFT's merges put into the container by gguf-py, and llama.cpp's
// own LoRAs.
import Adapters
import Checkpoints
import GGUF
import Merging
import Planning
import Safetensors
import Storage
import TestSupport
import Testing

struct GGUFFormatTests {
  private let scratch = Scratch()
  private static let fixtures =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    .joined(separator: "/") + "/Fixtures/"

  /// Merges and gives the file that comes of it.
  private func merge(
    _ base: String, _ adapter: String, only: String? = nil, strength: Double = 1
  ) throws -> String {
    var options = MergeOptions()
    if let only { options.selection.only = [try ModuleSelector(only)] }
    let plan = try Planner.plan(
      try Checkpoint.open(base), adapters: [(try Adapter.open(adapter), strength)],
      options: options)
    try #require(plan.jobs.count == 1)
    let path = scratch("out.gguf")
    _ = try ShardMerge(
      slice: JobSlice(job: plan.jobs[0], inputs: plan.inputs, options: plan.options), threads: 1,
      memoryByteCount: 1 << 20
    ).run(to: path) { _ in true }
    return path
  }

  /// Every tensor's numbers, by name.
  private func numbers(_ path: String) throws -> [String: [Double]] {
    let file = try GGUFFile.read(path)
    let bytes = try WholeFile.read(path)
    var numbers: [String: [Double]] = [:]
    for tensor in file.tensors {
      let dtype = try #require(DType(rawValue: tensor.type.name))
      let start = Int(file.dataOffset + tensor.byteRange.lowerBound)
      numbers[tensor.name] = (0..<tensor.elementCount).map {
        Elements.number(bytes, start + $0 * dtype.byteCount, dtype)
      }
    }
    return numbers
  }

  /// A file written anew without an adapter.
  private func copy(
    _ name: String, _ change: (inout Prelude) -> Void = { _ in }
  ) throws -> MergedShard {
    let plan = try Planner.plan(
      try Checkpoint.open(scratch(name)), adapters: [], options: MergeOptions())
    var slice = JobSlice(job: plan.jobs[0], inputs: plan.inputs, options: plan.options)
    change(&slice.job.prelude!)
    return try ShardMerge(slice: slice, threads: 1, memoryByteCount: 1 << 20)
      .run(to: scratch("out.gguf")) { _ in true }
  }

  @Test func `metadata that is not what was planned is refused, and nothing is left`() throws {
    try scratch.write("m.gguf", SampleGGUF.sample.bytes)
    let changes: [(inout Prelude) -> Void] = [
      { $0.digest = Digest.xxh3("another").description },
      { $0.pieces[0] = .bytes(Array(repeating: 0, count: Int($0.pieces[0].byteCount))) },
      { $0.pieces.removeLast() },
      { $0.pieces[1] = .input(file: 0, offset: 1 << 40, byteCount: $0.pieces[1].byteCount) },
    ]
    for change in changes {
      let error = #expect(throws: MergingError.self) { try copy("m.gguf", change) }
      #expect(
        error?.sentence
          == "the metadata of m.gguf is not what was planned; fetch the base again, or plan anew "
          + "with --restart")
      #expect(try FileStatus.of(scratch("out.gguf")) == nil)
    }
  }

  @Test func `metadata of megabytes and wide zeros are written block by block`() throws {
    var sample = SampleGGUF.sample
    let list = SampleGGUF.list(0, count: 5 << 20, [UInt8](repeating: 7, count: 5 << 20))
    sample.alignment = 1 << 21
    sample.fields += [
      SampleGGUF.field("a.long", 9, list),
      SampleGGUF.field("general.alignment", 4, SampleGGUF.number(1 << 21, 4)),
    ]
    sample.tensors[1] = SampleGGUF.tensor("blk.0.b.weight", [64, 2], type: 2, offset: 1 << 21)
    sample.data = [UInt8](repeating: 1, count: 24) + [UInt8](repeating: 0, count: 1 << 21 - 24)
    sample.data += [UInt8](repeating: 2, count: 72) + [UInt8](repeating: 0, count: 1 << 21 - 72)
    try scratch.write("m.gguf", sample.bytes)
    let merged = try copy("m.gguf")
    #expect(try WholeFile.read(scratch("out.gguf")) == sample.bytes)
    #expect(merged.digest == Digest.xxh3(sample.bytes))
  }

  @Test(
    arguments: [
      ("families/lora-velora", nil, 0), ("families/lora-experts-square", nil, 1e-6),
      ("cases/dora-f32", "layers.0", 1e-6), ("cases/mixtral-experts", nil, 0),
      ("cases/gpt2-conv1d", "h.0", 0), ("cases/embedding-lm-head", nil, 0),
    ] as [(String, String?, Double)])
  func `a PEFT adapter gives what PEFT gives before the conversion`(
    name: String, only: String?, tolerance: Double
  ) throws {
    let folder = Self.fixtures + "gguf/converted/" + Path.name(name)
    let merged = try numbers(
      merge(folder + "/base.gguf", Self.fixtures + name + "/adapter", only: only))
    let base = try numbers(folder + "/base.gguf")
    let expected = try numbers(folder + "/expected.gguf")
    #expect(merged.keys.sorted() == expected.keys.sorted())
    var changed = 0
    for (name, values) in expected {
      let found = try #require(merged[name])
      let far = zip(found, values).map { abs($0 - $1) }.max() ?? 0
      #expect(far <= tolerance * (values.map(abs).max() ?? 0), "\(name)")
      changed += base[name] == values ? 0 : 1
    }
    #expect(changed > 1)
  }

  /// A base for `lora.gguf`, whose tensors are random, and those tensors.
  private func base(_ random: inout SeededGenerator) throws -> [String: Grid] {
    let shapes = [
      ("output.weight", [8, 4]), ("token_embd.weight", [8, 4]), ("blk.0.attn_q.weight", [6, 4]),
      ("blk.0.attn_norm.weight", [4]), ("blk.0.ffn_up_exps.weight", [2, 5, 4]),
    ]
    var grids: [String: Grid] = [:]
    let sample = SampleGGUF.model(
      "llama",
      shapes.map { name, shape in
        let grid = Grid(shape.dropLast().reduce(1, *), shape.last!, from: &random)
        grids[name] = grid
        return (name, shape, grid.values.map { Float($0) })
      })
    try scratch.write("base.gguf", sample.bytes)
    return grids
  }

  @Test(arguments: [1, 0.5])
  func `a LoRA of llama_cpp's gives what its formula says`(_ strength: Double) throws {
    var random = SeededGenerator(seed: 3)
    let base = try base(&random)
    let lora = Self.fixtures + "gguf/lora.gguf"
    let factors = try numbers(lora)
    let merged = try numbers(merge(scratch("base.gguf"), lora, strength: strength))
    func factor(_ name: String, _ rows: Int, _ columns: Int, _ index: Int = 0) -> Grid {
      let values = factors[name]![(index * rows * columns)..<((index + 1) * rows * columns)]
      return Grid(rows, columns, Array(values))
    }
    // alpha 12 / rank 2
    let scale = 6 * strength
    let q = "blk.0.attn_q.weight"
    FormatBench.expect(
      merged[q], base[q]! + scale * (factor(q + ".lora_b", 6, 2) * factor(q + ".lora_a", 2, 4)))
    let table = "token_embd.weight"
    FormatBench.expect(
      merged[table],
      base[table]! + scale
        * (factor(table + ".lora_a", 8, 2) * factor(table + ".lora_b", 4, 2).transposed))
    let stack = "blk.0.ffn_up_exps.weight"
    let deltas = (0..<2).map {
      factor(stack + ".lora_b", 5, 2, $0) * factor(stack + ".lora_a", 2, 4, $0)
    }
    FormatBench.expect(
      merged[stack], base[stack]! + scale * Grid(10, 4, deltas[0].values + deltas[1].values))
    let norm = "blk.0.attn_norm.weight"
    let own = factor(norm, 1, 4)
    FormatBench.expect(
      merged[norm], strength == 1 ? own : base[norm]! + strength * (own + -1 * base[norm]!))
    FormatBench.expect(merged["output.weight"], base["output.weight"]!)
  }

  @Test func `DoRA of one expert's matrix is laid on its own rows`() throws {
    let bench = FormatBench()
    let path = "model.layers.0.mlp.experts.1.up_proj"
    var random = SeededGenerator(seed: 3)
    let base = try base(&random)["blk.0.ffn_up_exps.weight"]!
    let a = bench.factor("base_model.model.\(path).lora_A.weight", [2, 4])
    let b = bench.factor("base_model.model.\(path).lora_B.weight", [5, 2])
    let m = bench.factor("base_model.model.\(path).lora_magnitude_vector", [5])
    try bench.scratch.write("adapter/adapter_model.safetensors", bench.adapter)
    try bench.scratch.write(
      "adapter/adapter_config.json",
      #"{"peft_type": "LORA", "r": 2, "lora_alpha": 6, "use_dora": true}"#)
    let merged = try numbers(merge(scratch("base.gguf"), bench.scratch("adapter")))
    var expected = base
    let delta = 3 * (b * a)
    for row in 0..<5 {
      let v = (0..<4).map { base[5 + row, $0] + delta[row, $0] }
      let norm = v.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for column in 0..<4 { expected[5 + row, column] = m.values[row] / norm * v[column] }
    }
    FormatBench.expect(merged["blk.0.ffn_up_exps.weight"], expected)
  }
}
