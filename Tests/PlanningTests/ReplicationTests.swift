// Layers that were copied before training: names, bytes and config of the output.
import Planning
import Safetensors
import Testing

private func stack(_ name: String = "model.layers", _ layers: [Int] = [0, 1, 2]) -> [TinyModel
  .Tensor]
{
  layers.map { ("\(name).\($0).q_proj.weight", .f32, [6, 4]) } + [("norm.weight", .f32, [4])]
}

private func model(_ tensors: [TinyModel.Tensor] = stack(), _ members: String = "") throws
  -> TinyModel
{
  try TinyModel(tensors, config: #"{"model_type": "llama", "num_hidden_layers": 3"# + members + "}")
}

private let ranges = #", "layer_replication": [[0, 2], [1, 3], [0, 1]]"#

private func pairs(_ layers: [Int], _ name: String = "model.layers") -> [TinyModel.Tensor] {
  layers.flatMap { TinyModel.pair("\(name).\($0).q_proj", out: 6, in: 4) }
}

@Test func `copies are the base's bytes under new numbers, each with its own update`() throws {
  let model = try model()
  try model.add(pairs([0, 2, 4]), ranges)
  let plan = try model.plan()
  let recipes = plan.jobs.flatMap(\.recipes)
  #expect(
    Set(recipes.map(\.name))
      == Set((0..<5).map { "model.layers.\($0).q_proj.weight" } + ["norm.weight"]))
  func source(_ layer: Int) -> Int64? {
    plan.recipe("model.layers.\(layer).q_proj.weight")?.source.offset
  }
  #expect(source(1) == source(2) && source(0) == source(4) && source(0) != source(1))
  #expect(
    (0..<5).map { plan.recipe("model.layers.\($0).q_proj.weight")?.updates.count } == [
      1, 0, 1, 0, 1,
    ])
  #expect(plan.configChanges == [ConfigChange(path: ["num_hidden_layers"], value: "5")])
  #expect(plan.warnings.isEmpty)
}

@Test func `lists of the config follow the layers, and rules are doubted`() throws {
  let model = try model(
    stack("bert.encoder.layer"),
    #", "layer_types": ["a", "b", "c"], "mlp_only_layers": [1], "first_k_dense_replace": 1"#)
  try model.add(pairs([3], "bert.encoder.layer"), ranges)
  let plan = try model.plan()
  #expect(
    plan.configChanges == [
      ConfigChange(path: ["num_hidden_layers"], value: "5"),
      ConfigChange(path: ["layer_types"], value: #"["a","b","b","c","a"]"#),
      ConfigChange(path: ["mlp_only_layers"], value: "[1,2]"),
    ])
  #expect(
    plan.warnings == [
      "layers are copied, and config.json says by first_k_dense_replace which layers are of which make; see that it is true of the output's"
    ])
}

@Test(arguments: [
  (stack(), "[[0, 4]]", "layer 3 is copied, but the base has 3 layers"),
  (stack("model.blocks"), "[[0, 2]]", "the base has no stack of layers"),
  (
    stack() + stack("vision.layers").dropLast(), "[[0, 2]]",
    #"the base has several stacks ("model.layers.", "vision.layers.")"#
  ),
  (
    stack("h", [0, 2]), "[[0, 2]]",
    #"the base's "h." are not numbered from 0 on without a gap"#
  ),
])
func `copies that cannot be made are refused`(
  base: [TinyModel.Tensor], ranges: String, problem: String
) throws {
  let model = try model(base)
  try model.add(pairs([0]), #", "layer_replication": "# + ranges)
  #expect(model.refusal() == "adapter1: layer_replication cannot be followed: " + problem)
}

@Test func `adapters of other layers are refused`() throws {
  let model = try model()
  try model.add(pairs([0, 3]), ranges)
  try model.add(pairs([0]))
  #expect(
    model.refusal()
      == "adapter1: layer_replication cannot be followed: adapter2 was trained on other layers; merge them one by one"
  )
}

@Test func `quantised layers are not copied`() throws {
  let model = try TinyModel(
    stack()
      + [
        ("model.layers.0.k_proj.weight", .i8, [6, 4]), ("model.layers.0.k_proj.SCB", .f32, [6]),
      ],
    config:
      #"{"model_type": "llama", "quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": true}}"#
  )
  try model.add(pairs([0]), ranges)
  #expect(
    model.refusal()
      == "adapter1: layer_replication cannot be followed: the base is quantised, and its layers are copied as plain weights alone"
  )
}
