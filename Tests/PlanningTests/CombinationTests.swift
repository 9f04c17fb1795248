// Several adapters taken together: which updates become one, and what cannot be combined.
import Planning
import Safetensors
import Testing

@Suite struct CombinationTests {
  private let weight = "model.q_proj"

  private func model() throws -> TinyModel {
    let model = try TinyModel([
      ("model.q_proj.weight", .f32, [6, 4]), ("model.q_proj.bias", .f32, [6]),
      ("model.norm.weight", .f32, [4]),
    ])
    try model.add(TinyModel.pair(weight, out: 6, in: 4), strength: 0.5)
    try model.add(TinyModel.pair(weight, out: 6, in: 4), strength: -2)
    return model
  }

  private func choose(_ method: Combination.Method, seed: Int = 7) -> (inout MergeOptions) -> Void {
    { options in
      options.combination.method = method
      options.combination.density = 0.25
      options.combination.seed = seed
    }
  }

  @Test(arguments: [Combination.Method.sum, .linear, .cat])
  func `sums stay one update after the other`(method: Combination.Method) throws {
    let plan = try model().plan(choose(method))
    #expect(plan.recipe(weight + ".weight")?.updates.count == 2)
  }

  @Test func `others become one rule with every pair, scale and strength`() throws {
    let plan = try model().plan(choose(.ties))
    let updates = try #require(plan.recipe(weight + ".weight")?.updates)
    #expect(updates.count == 1 && updates[0].tensorNames.count == 4)
    guard case .weight(let rule) = updates[0].rule else {
      Issue.record("no rule")
      return
    }
    #expect(rule.name == "combination" && rule.rowsTogether == nil)
    #expect(rule.operands.map(\.role) == ["left0", "right0", "left1", "right1"])
    #expect(rule.operands.map(\.shape) == [[6, 2], [2, 4], [6, 2], [2, 4]])
    let numbers = Dictionary(rule.numbers.map { ($0.key, $0.value) }) { $1 }
    #expect(numbers["weight0"] == 0.5 && numbers["weight1"] == -2)
    #expect(numbers["scale0"] == 2 && numbers["scale1"] == 2)
    #expect(numbers["density"] == 0.25)
    // Every tensor and every seed has random choices of its own.
    #expect(try model().plan(choose(.ties, seed: 8)) != plan)
  }

  @Test func `svd without a rank is refused`() throws {
    #expect(try model().refusal(choose(.svd)) == "--combine svd needs --combine-rank")
  }

  @Test func `what is no plain pair is refused`() throws {
    let model = try model()
    try model.add(
      TinyModel.pair(weight, out: 6, in: 4) + [("model.norm.weight", .f32, [4])], strength: 0.5)
    #expect(
      model.refusal(choose(.ties))
        == "adapter3 changes \"model.norm.weight\" by more than one plain pair of factors, which "
        + "--combine ties cannot weigh against others; use --combine sum")
  }
}
