// Stacked experts: both orientations, both ways to pack B, per expert and stacked on disk.
import Planning
import Safetensors
import Testing

private let path = "model.layers.0.mlp.experts"
private let targets =
  #", "target_parameters": ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]"#

/// 3 experts, hidden 4, intermediate 6, rank 2: both pairs in one orientation.
private func adapter(swapped: Bool) -> [TinyModel.Tensor] {
  let up = swapped ? (4, 12) : (12, 4)  // A's columns, B's rows of (2·6, 4)
  let down = swapped ? (6, 4) : (4, 6)
  return [
    (path + ".base_layer.lora_A.weight", .f32, [6, up.0]),
    (path + ".base_layer.lora_B.weight", .f32, [up.1, 6]),
    (path + ".lora_A.weight", .f32, [6, down.0]),
    (path + ".lora_B.weight", .f32, [down.1, 6]),
  ]
}

private let stacked: [TinyModel.Tensor] = [
  (path + ".gate_up_proj", .f32, [3, 12, 4]), (path + ".down_proj", .f32, [3, 4, 6]),
]

private func perExpert(_ container: String, _ gate: String, _ up: String, _ down: String)
  -> [TinyModel.Tensor]
{
  (0..<3).flatMap { expert in
    [
      ("model.layers.0.\(container).experts.\(expert).\(gate).weight", DType.f32, [6, 4]),
      ("model.layers.0.\(container).experts.\(expert).\(up).weight", .f32, [6, 4]),
      ("model.layers.0.\(container).experts.\(expert).\(down).weight", .f32, [4, 6]),
    ]
  }
}

private func lowRanks(_ recipe: TensorRecipe?) -> [(window: Window, low: LowRank)] {
  (recipe?.updates ?? []).compactMap { update in
    guard case .lowRank(let low) = update.rule else { return nil }
    return (update.window, low)
  }
}

@Test(arguments: [true, false])
func `a stack gets one update per expert`(swapped: Bool) throws {
  let model = try TinyModel(stacked)
  try model.add(adapter(swapped: swapped), targets)
  let plan = try model.plan()
  let up = lowRanks(plan.recipe(path + ".gate_up_proj"))
  #expect(up.map(\.window.rows) == [0..<12, 12..<24, 24..<36])
  #expect(up.allSatisfy { $0.window.columns == 0..<4 && $0.low.rank == 2 })
  // Column k·3 + e of B belongs to expert e.
  let factor = swapped ? up[1].low.left : up[1].low.right
  #expect((swapped ? factor.columnStride : factor.rowStride) == 3)
  #expect((swapped ? factor.rowStride : factor.columnStride) == 6)
}

@Test(arguments: [
  ("mlp", "gate_proj", "up_proj", "down_proj"), ("block_sparse_moe", "w1", "w3", "w2"),
])
func `a stack of the runtime is spread over experts on disk`(
  container: String, gate: String, up: String, down: String
) throws {
  let model = try TinyModel(perExpert(container, gate, up, down))
  try model.add(adapter(swapped: true), targets)
  let plan = try model.plan()
  #expect(PlanSummary(plan).changedCount == 9)
  let name = "model.layers.0.\(container).experts.2."
  let gateLow = lowRanks(plan.recipe(name + gate + ".weight"))[0].low
  let upLow = lowRanks(plan.recipe(name + up + ".weight"))[0].low
  // Gate takes the first six rows, up the next six: B's rows are 6 elements of 4 bytes apart.
  #expect(upLow.left.offset - gateLow.left.offset == 6 * 6 * 4)
  #expect(upLow.right == gateLow.right)
}

@Test func `columns grouped by expert are read so`() throws {
  let model = try TinyModel(stacked)
  try model.add(adapter(swapped: true), targets + #", "lora_B_layout": "grouped_by_expert""#)
  let low = lowRanks(try model.plan().recipe(path + ".gate_up_proj"))
  #expect(low[1].low.left.columnStride == 1)
  #expect(low[1].low.left.offset - low[0].low.left.offset == 2 * 4)
}

@Test(arguments: [("0.18.0", false), ("0.19.1", true), ("0.21.2", true)])
func `a square stack goes by the version where nothing else tells`(
  version: String, swapped: Bool
) throws {
  let model = try TinyModel([(path + ".down_proj", .f32, [3, 4, 4])])
  try model.add(
    [(path + ".lora_A.weight", .f32, [6, 4]), (path + ".lora_B.weight", .f32, [4, 6])],
    #", "target_parameters": ["experts.down_proj"], "peft_version": "\#(version)""#)
  let low = lowRanks(try model.plan().recipe(path + ".down_proj"))[0].low
  #expect((low.left.columnStride == 3) == swapped)
}

@Test func `one expert's own pair finds its place in the stack`() throws {
  let model = try TinyModel(stacked)
  try model.add(
    TinyModel.pair(path + ".1.up_proj", out: 6, in: 4)
      + TinyModel.pair(path + ".2.down_proj", out: 4, in: 6))
  let plan = try model.plan()
  #expect(lowRanks(plan.recipe(path + ".gate_up_proj")).map(\.window.rows) == [18..<24])
  #expect(lowRanks(plan.recipe(path + ".down_proj")).map(\.window.rows) == [8..<12])
}

@Test func `pairs and parameters must be as many`() throws {
  let model = try TinyModel(stacked)
  try model.add(Array(adapter(swapped: true).prefix(2)), targets)
  #expect(
    model.refusal()
      == #"adapter1: module "model.layers.0.mlp.experts" has 1 pairs of factors, but target_parameters names "gate_up_proj", "down_proj" for it"#
  )
}

@Test func `another number of experts is refused`() throws {
  let model = try TinyModel([
    (path + ".gate_up_proj", .f32, [4, 12, 4]), (path + ".down_proj", .f32, [4, 4, 6]),
  ])
  try model.add(adapter(swapped: true), targets)
  #expect(
    model.refusal()
      == #"adapter1: module "model.layers.0.mlp.experts": the base has 4 experts, but "base_model.model.model.layers.0.mlp.experts.base_layer.lora_A.weight" has shape [6, 4]"#
  )
}

@Test func `experts of unlike shapes are refused`() throws {
  var tensors = perExpert("mlp", "gate_proj", "up_proj", "down_proj")
  tensors[3].shape = [5, 4]
  let model = try TinyModel(tensors)
  try model.add(adapter(swapped: true), targets)
  #expect(
    model.refusal()?.hasSuffix(
      #"the base has 3 experts, but "model.layers.0.mlp.experts.1.gate_proj.weight" (gate) does not fit its siblings"#
    )
      == true)
}

@Test func `a bare parameter name is meant for the modules that have it`() throws {
  let model = try TinyModel(
    stacked + [
      ("model.layers.0.self_attn.o_proj.weight", .f32, [4, 4]),
      ("model.layers.0.mlp.gate.weight", .f32, [3, 4]),
    ])
  try model.add(
    adapter(swapped: true) + TinyModel.pair("model.layers.0.self_attn.o_proj", out: 4, in: 4)
      + TinyModel.pair("model.layers.0.mlp.gate", out: 3, in: 4),
    #", "target_parameters": ["gate.weight", "down_proj", "gate_up_proj"]"#)
  let plan = try model.plan()
  #expect(PlanSummary(plan).changedCount == 4)
}
