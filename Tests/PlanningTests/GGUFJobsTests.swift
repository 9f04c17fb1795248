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
    _ sample: SampleGGUF, _ pair: [TinyModel.Tensor], _ change: (inout MergeOptions) -> Void
  ) throws -> MergePlan {
    try scratch.write("m.gguf", sample.bytes)
    try TinyModel.write(
      pair.map { ("base_model.model." + $0.name, $0.dtype, $0.shape) },
      to: URL(filePath: scratch("adapter/adapter_model.safetensors")))
    try scratch.write(
      "adapter/adapter_config.json", #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4}"#)
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
