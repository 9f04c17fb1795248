// Plans for models in llama.cpp's container: what stands before the tensors, where they lie, and
// what is refused.
import Adapters
import Checkpoints
import Foundation
import GGUF
import Planning
import Safetensors
import Storage
import TestSupport
import Testing

@Suite struct GGUFJobsTests {
  private let scratch = Scratch()

  /// A plan for a file with an adapter of one pair.
  private func plan(
    _ sample: SampleGGUF, _ pair: [TinyModel.Tensor], members: String = "",
    _ change: (inout MergeOptions) -> Void
  ) throws -> MergePlan {
    try scratch.write("m.gguf", sample.bytes)
    try TinyModel.write(
      pair.map { ("base_model.model." + $0.name, $0.dtype, $0.shape) },
      to: URL(filePath: scratch("adapter/adapter_model.safetensors")))
    try scratch.write(
      "adapter/adapter_config.json",
      #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4"# + members + "}")
    var options = MergeOptions()
    change(&options)
    let adapter = try Adapter.open(scratch("adapter"))
    return try Planner.plan(
      try Checkpoint.open(scratch("m.gguf")), adapters: [(adapter, 1)], options: options)
  }

  private let pair = TinyModel.pair("blk.0.b", out: 2, in: 64)

  /// The sample under another alignment.
  private func sample(alignment: UInt64) -> SampleGGUF {
    var sample = SampleGGUF.sample
    sample.alignment = Int(alignment)
    sample.fields.append(
      SampleGGUF.field("general.alignment", 4, SampleGGUF.number(alignment, 4)))
    sample.tensors[1] = SampleGGUF.tensor("blk.0.b.weight", [64, 2], type: 2, offset: alignment)
    sample.data = [UInt8](repeating: 1, count: Int(alignment) + 72)
    return sample
  }

  @Test func `keys are copied from the base, the rest is spelt out, and the plan keeps both`()
    throws
  {
    let plan = try plan(.sample, pair) { _ in }
    let job = plan.jobs[0]
    #expect(job.shardName == "m.gguf" && !plan.hasIndex && plan.options.layout == .source)
    #expect(plan.options.dequantize == .touched)
    let prelude = try #require(job.prelude)
    let keys = SampleGGUF.sample.fields.reduce(0) { $0 + $1.count }
    #expect(prelude.pieces.count == 4 && prelude.alignment == 32)
    #expect(prelude.pieces[1] == .input(file: 0, offset: 24, byteCount: Int64(keys)))
    #expect(job.recipes.map(\.offset) == [0, 32] && job.byteCount % 32 == 0)
    let touched = try #require(plan.recipe("blk.0.b.weight"))
    #expect(touched.dtype == .f16 && touched.shape == [2, 64] && touched.sourceDType == .f32)
    #expect(try PlanCodec.decode(PlanCodec.encode(plan).bytes) == plan)
  }

  @Test func `a file's own alignment goes to its output, and not to files that lack its key`()
    throws
  {
    let one = try plan(sample(alignment: 128), pair) { _ in }
    #expect(one.jobs[0].recipes.map(\.offset) == [0, 128])
    #expect(one.jobs[0].prelude?.alignment == 128 && one.jobs[0].headerByteCount % 128 == 0)
    let several = try plan(sample(alignment: 128), pair) { $0.maxShardByteCount = 100 }
    #expect(several.jobs.map(\.shardName) == ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"])
    #expect(several.jobs.map { $0.prelude?.alignment } == [128, 32])
  }

  @Test func `zeros up to an alignment are counted, not written out`() throws {
    var sample = sample(alignment: 1 << 20)
    sample.tensors.removeLast()
    sample.tensors.append(SampleGGUF.tensor("blk.0.b.weight", [64, 2], type: 2, offset: 1 << 20))
    let encoded = PlanCodec.encode(try plan(sample, pair) { _ in })
    #expect(encoded.bytes.count < 10_000)
    let job = try PlanCodec.decode(encoded.bytes).jobs[0]
    let zeros = try #require(job.prelude?.pieces.last?.byteCount)
    #expect(job.headerByteCount == 1 << 20 && zeros == 1 << 20 - Int64(sample.header.count))
  }

  @Test func `vectors keep their type whatever is asked for`() throws {
    let plan = try plan(.sample, pair) { $0.dtype = .bf16 }
    #expect(plan.recipe("a")?.isCopy == true)
    #expect(plan.recipe("blk.0.b.weight")?.dtype == .bf16)
  }

  @Test func `blocks go back into blocks, whose rows have other sizes`() throws {
    let same = try plan(.sample, pair) { $0.requantize = .same }
    #expect(same.recipe("blk.0.b.weight")?.shape == [2, 36])
    let other = try plan(.sample, pair) { $0.requantize = .q8 }
    let recipe = try #require(other.recipe("blk.0.b.weight"))
    #expect(recipe.shape == [2, 68] && recipe.columns == 64 && recipe.dtype == .u8)
    #expect(recipe.encoding?.blockType?.name == "Q8_0" && other.options.dequantize == .auto)
    #expect(try PlanCodec.decode(PlanCodec.encode(other).bytes) == other)
  }

  @Test func `a plain tensor in the place of blocks is described as what it is`() throws {
    let table: [TinyModel.Tensor] = [("blk.0.b.weight", .f16, [2, 64])]
    let plan = try plan(.sample, table, members: #", "modules_to_save": ["b"]"#) { _ in }
    let recipe = try #require(plan.recipe("blk.0.b.weight"))
    #expect(recipe.isCopy && recipe.source.file == 1)
    let described = GGUFLayout.tensor(
      "blk.0.b.weight", try #require(GGMLType(named: "F16")), [2, 64], offset: 32)
    let pieces = try #require(plan.jobs[0].prelude?.pieces)
    #expect(
      pieces.contains {
        if case .bytes(let bytes) = $0 { bytes.firstRange(of: described) != nil } else { false }
      })
  }

  @Test func `rows that an adapter takes for others do not go back into blocks`() throws {
    var sample = SampleGGUF()
    sample.tensors = [SampleGGUF.tensor("blk.0.b.weight", [64, 3, 2], type: 2)]
    sample.data = [UInt8](repeating: 0, count: 6 * 36)
    let pair: [TinyModel.Tensor] = [
      ("blk.0.b.lora_A.weight", .f32, [2, 3, 64]), ("blk.0.b.lora_B.weight", .f32, [2, 2, 1]),
    ]
    let error = try #require(throws: PlanningError.self) {
      try plan(sample, pair) { $0.requantize = .q8 }
    }
    #expect(
      error.sentence
        == "\"blk.0.b.weight\" is stored as GGUF Q4_0 and cannot be quantised again: an adapter "
        + "takes several of its rows of 64 for one; leave the option away")
  }

  @Test func `a weight of a type without decoder is refused where an adapter touches it`() throws {
    var sample = SampleGGUF()
    sample.tensors = [SampleGGUF.tensor("blk.0.b.weight", [256, 2], type: 16)]
    sample.data = [UInt8](repeating: 0, count: 132)
    let error = try #require(throws: PlanningError.self) {
      try plan(sample, TinyModel.pair("blk.0.b", out: 2, in: 256)) { _ in }
    }
    #expect(
      error.sentence
        == "\"blk.0.b.weight\" is stored as GGUF IQ2_XXS, which is copied but not read; use a base "
        + "of another type")
  }

  @Test func `a set has no more files than its count can say`() throws {
    var sample = SampleGGUF.sample
    for index in 0...UInt64(UInt16.max) {
      sample.tensors.append(SampleGGUF.tensor("t\(index)", [1], offset: 128 + 32 * index))
    }
    sample.data += [UInt8](repeating: 0, count: 24 + 32 * (1 << 16))
    let error = try #require(throws: PlanningError.self) {
      try plan(sample, pair) { $0.maxShardByteCount = 4 }
    }
    #expect(
      error.sentence
        == "the output would be 65538 files, and a set of .gguf files has at most 65535; give a "
        + "larger --max-shard-size")
  }

  @Test func `ggml's blocks are of its own container alone`() throws {
    let fp8 = try TinyModel(
      [("x.weight", .f8E4M3, [8, 4]), ("x.weight_scale_inv", .f32, [2, 1])],
      config: #"{"quantization_config": {"quant_method": "fp8", "weight_block_size": [4, 4]}}"#)
    try fp8.add(TinyModel.pair("x", out: 8, in: 4))
    #expect(
      fp8.refusal { $0.requantize = .q8 }
        == "base is not in llama.cpp's container, which alone has the blocks of --requantize q8_0; "
        + "use --requantize same or leave it away")
  }

  @Test(arguments: [
    #""alignment":3,"pieces":[]"#, #""alignment":0,"pieces":[]"#, #""alignment":32"#,
    #""alignment":32,"pieces":["0"]"#, #""alignment":32,"pieces":["zz"]"#,
    #""alignment":32,"pieces":[[9,0,1]]"#, #""alignment":32,"pieces":[[0,-1,1]]"#,
    #""alignment":32,"pieces":[[0,9223372036854775807,1]]"#,
    #""alignment":32,"pieces":[-1]"#, #""alignment":32,"pieces":[1]"#,
    #""alignment":32,"pieces":[9223372036854775807,9223372036854775807]"#,
  ])
  func `a prelude that makes no sense is no plan`(members: String) throws {
    let encoded = PlanCodec.encode(try plan(.sample, pair) { _ in })
    let text = String(decoding: encoded.bytes, as: UTF8.self)
    let start = try #require(text.range(of: #""alignment":32,"pieces":["#)?.lowerBound)
    let end = try #require(text[start...].range(of: "]}")?.lowerBound)
    let changed = text.replacingCharacters(in: start..<end, with: String(members.dropLast()))
    let closed =
      members.hasSuffix("]")
      ? changed
      : text.replacingCharacters(
        in: start..<text.index(after: end), with: members)
    #expect(throws: PlanError.self) { try PlanCodec.decode(Array(closed.utf8)) }
  }
}
