// Which quantised weights go back into their form, what the plan says of it, and what is refused.
import Foundation
import OrderedJSON
import Planning
import Safetensors
import Testing

private let up = "model.layers.0.mlp.up_proj"
private let down = "model.layers.0.mlp.down_proj"
private let q = "model.layers.0.self_attn.q_proj"

private let blocks: [TinyModel.Tensor] = [
  ("model.norm.weight", .bf16, [4]), (q + ".weight", .bf16, [6, 4]),
  (up + ".weight", .f8E4M3, [8, 4]), (up + ".weight_scale_inv", .f32, [2, 1]),
  (up + ".input_scale", .f32, []),
  (down + ".weight", .f8E4M3, [4, 8]), (down + ".weight_scale_inv", .f32, [1, 2]),
]

private func config(_ method: String, _ more: String = "") -> String {
  #"{"model_type": "llama", "dtype": "bfloat16", "quantization_config": {"quant_method": "\#(method)"\#(more)}}"#
}

private let fp8 = config("fp8", #", "weight_block_size": [4, 4]"#)

/// The refusal of a base with such tensors where an adapter changes `up`.
private func refusal(_ tensors: [TinyModel.Tensor], _ config: String) throws -> String? {
  let model = try TinyModel(tensors, config: config)
  try model.add(TinyModel.pair(up, out: 8, in: 4))
  return model.refusal { $0.requantize = .same }
}

@Test func `a touched weight keeps its tensors, and codes and scales have a recipe each`() throws {
  let model = try TinyModel(blocks, config: fp8)
  try model.add(TinyModel.pair(up, out: 8, in: 4))
  let plan = try model.plan { $0.requantize = .same }
  #expect(plan.options.dequantize == .auto && plan.configChanges.isEmpty)
  #expect(plan.jobs.flatMap(\.recipes).map(\.name).sorted() == blocks.map(\.name).sorted())
  let codes = try #require(plan.recipe(up + ".weight"))
  let scales = try #require(plan.recipe(up + ".weight_scale_inv"))
  #expect(codes.encoding?.part == .codes && scales.encoding?.part == .scales)
  #expect(codes.dtype == .f8E4M3 && scales.dtype == .f32 && scales.shape == [2, 1])
  #expect(scales.merged.shape == [8, 4] && scales.merged.dtype == .bf16)
  #expect(codes.updates == scales.updates && codes.updates.count == 1)
  #expect(codes.rowsTogether == 4 && scales.merged.elementsTogether == 16)
  #expect(codes.summary(plan.inputs).hasSuffix("; requantised"))
  for name in [up + ".input_scale", down + ".weight", down + ".weight_scale_inv"] {
    #expect(try #require(plan.recipe(name)).isCopy, "\(name)")
  }
  let summary = PlanSummary(plan)
  #expect(summary.forms.isEmpty && summary.requantized == ["FP8 by block of 4×4": 1])
  #expect(try PlanCodec.decode(PlanCodec.encode(plan).bytes) == plan)
}

@Test(arguments: [false, true])
func `scales that the config calls powers of two become such`(isNested: Bool) throws {
  let section =
    #""quantization_config": {"quant_method": "fp8", "weight_block_size": [4, 4], "scale_fmt": "ue8m0"}"#
  let model = try TinyModel(
    blocks,
    config: #"{"model_type": "llama", "# + (isNested ? #""text_config": {"# : "") + section
      + (isNested ? "}}" : "}"))
  try model.add(TinyModel.pair(up, out: 8, in: 4))
  let plan = try model.plan { $0.requantize = .same }
  let encoding = try #require(plan.recipe(up + ".weight")?.encoding)
  #expect(encoding.flag("powersOfTwo"))
}

@Test func `a plain base has no form to go back to`() throws {
  let model = try TinyModel([(up + ".weight", .bf16, [8, 4])])
  try model.add(TinyModel.pair(up, out: 8, in: 4))
  #expect(
    model.refusal { $0.requantize = .same }
      == "base is not quantised, so --requantize same has nothing to go back to; leave it away")
}

private func sentence(_ form: String, _ reason: String) -> String {
  "\"\(up).weight\" is stored as \(form) and cannot be quantised again: \(reason); "
    + "use --dequantize all"
}

@Test func `a form without a quantiser is refused by name`() throws {
  let channel: [TinyModel.Tensor] = [
    (up + ".weight", .f8E4M3, [8, 4]), (up + ".weight_scale", .f32, [8, 1]),
  ]
  #expect(
    try refusal(channel, config("fbgemm_fp8"))
      == sentence("FP8 by channel", "this tool has no quantiser of this form"))
  #expect(
    try refusal(
      [(up + ".weight", .f8E4M3, [8, 4]), (up + ".weight_scale_inv", .bf16, [2, 1])], fp8)
      == sentence("FP8 by block of 4×4", "this tool has no quantiser of this form"))
}

@Test func `codes with zero points are refused`() throws {
  #expect(
    try refusal(
      [
        (up + ".weight", .i8, [8, 4]), (up + ".weight_scale", .bf16, [8, 1]),
        (up + ".weight_zero_point", .i8, [8, 1]),
      ], config("compressed-tensors"))
      == sentence(
        "INT8 by channel", "its codes have zero points, which only data can choose"))
}

@Test func `more rows than are held at once are refused`() throws {
  let model = try TinyModel(
    [(up + ".weight", .f8E4M3, [1025, 4]), (up + ".weight_scale_inv", .f32, [])], config: fp8)
  try model.add(TinyModel.pair(up, out: 1025, in: 4))
  #expect(
    model.refusal { $0.requantize = .same }
      == sentence("FP8 by tensor", "1025 rows share a scale, and at most 1024 can"))
}

@Test func `a tensor of the adapter's own does not become a quantised one`() throws {
  let model = try TinyModel(blocks, config: fp8)
  try model.add(
    [(up + ".weight", .bf16, [8, 4])] + TinyModel.pair(q, out: 6, in: 4),
    #", "modules_to_save": ["up_proj"]"#)
  #expect(
    model.refusal { $0.requantize = .same }
      == sentence("FP8 by block of 4×4", "an adapter brings another tensor in its place"))
}

@Test func `rows are seen together until their groups are all their own`() {
  func rows(_ shape: [Int], _ numbers: [(key: String, value: Double)]) -> Int {
    Encoding(
      form: "", part: .codes, shape: shape, dtype: .bf16, scaleDType: .f32, numbers: numbers
    ).rowsTogether
  }
  #expect(rows([64, 128], [("block", 64)]) == 1)
  #expect(rows([64, 80], [("block", 64)]) == 4)
  #expect(rows([33, 130], [("block", 4096)]) == 33)
  #expect(rows([300, 128], [("block", 64), ("nestedBlock", 256)]) == 128)
  #expect(rows([100, 128], [("block", 64), ("nestedBlock", 256)]) == 100)
  #expect(rows([300, 64], [("blockColumns", 128), ("blockRows", 128)]) == 128)
  #expect(rows([2, 256, 64], [("blockColumns", 128), ("blockRows", 128)]) == 128)
  // Blocks at the end of a matrix are shorter, so that a matrix must be seen whole.
  #expect(rows([2, 300, 64], [("blockColumns", 128), ("blockRows", 128)]) == 300)
  #expect(rows([300, 64], [("group", 32)]) == 1)
}
