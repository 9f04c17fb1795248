// What .gguf bases call modules, and in which order they have their rows.
import Adapters
import Foundation
import OrderedJSON
import Planning
import Safetensors
import TestSupport
import Testing

struct GGUFNamesTests {
  private static let names: JSON = {
    let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    let path = folder.joined(separator: "/") + "/Fixtures/gguf/names.json"
    return try! JSON(parsing: Array(try! Data(contentsOf: URL(fileURLWithPath: path))))
  }()

  /// Experts' modules with the number that gguf-py's tables leave out.
  private func numbered(_ module: String) -> String {
    module.replacing(".experts.", with: ".experts.1.")
  }

  @Test(arguments: names["names"]!.members!.map(\.key))
  func `modules are called what gguf-py calls them`(_ architecture: String) throws {
    let table = Self.names["names"]![architecture]!.members!
    let names = table.filter { !$0.key.hasSuffix("query_key_value") }
    let isNorm = { (name: String) in name.hasSuffix("norm") || name.hasSuffix("norm_2") }
    var tensors: [TinyModel.Tensor] = []
    for name in Set(names.map { $0.value.text! }).union(["output"]).sorted() {
      let shape = isNorm(name) ? [4] : name.hasSuffix("_exps") ? [2, 8, 4] : [8, 4]
      tensors.append((name + ".weight", .f32, shape))
    }
    let model = try TinyModel(
      gguf: architecture, ["attention.head_count": 2, "attention.head_count_kv": 1], tensors)
    let modules = names.filter { !isNorm($0.value.text!) }
    try model.add(modules.flatMap { TinyModel.pair(numbered($0.key), out: 8, in: 4) })
    let plan = try model.plan()
    for (module, name) in modules.map({ ($0.key, $0.value.text!) }) {
      let updates = try #require(plan.recipe(name + ".weight")?.updates, "\(module)")
      let own = updates.filter {
        $0.tensorNames.contains("base_model.model.\(numbered(module)).lora_A.weight")
      }
      #expect(own.count == 1, "\(module)")
      #expect(own.first?.window.rows == (name.hasSuffix("_exps") ? 8..<16 : 0..<8), "\(module)")
    }
  }

  private static let ordering = [
    "llama", "mistral3", "granite", "smollm3", "arcee", "olmo", "deepseek",
  ]

  @Test(arguments: names["names"]!.members!.map(\.key))
  func `heads' halves alternate where llama_cpp's own classes say so`(
    _ architecture: String
  ) throws {
    let table = Self.names["names"]![architecture]!.members!.map(\.key)
    let q = "model.layers.3.self_attn.q_proj"
    guard table.contains(q) else { return }
    let attention = ["q", "k", "v"].filter { table.contains(q.replacing("q_", with: "\($0)_")) }
    let model = try TinyModel(
      gguf: architecture, ["attention.head_count": 4, "attention.head_count_kv": 2],
      attention.map { ("blk.3.attn_\($0).weight", .f32, [16, 4]) })
    try model.add(
      attention.flatMap { TinyModel.pair(q.replacing("q_", with: "\($0)_"), out: 16, in: 4) })
    let plan = try model.plan()
    let isOrdered = Self.ordering.contains(architecture)
    for part in attention {
      let rule = try #require(plan.recipe("blk.3.attn_\(part).weight")?.updates.first?.rule)
      guard case .lowRank(let product) = rule else {
        Issue.record("\(rule)")
        return
      }
      let expected = isOrdered ? ["q": 4, "k": 8, "v": 0][part] : 0
      #expect(product.left.headRows == expected, "\(part)")
      #expect(product.right.headRows == 0)
    }
  }

  @Test func `the order of rows is that of LlamaModel_permute`() throws {
    let order = Self.names["order"]!.elements!.map { $0.int! }
    var factor = Factor(file: 0, offset: 0, dtype: .f32, rowStride: 1, columnStride: 1)
    factor.headRows = 8
    var rows = Array(repeating: 0, count: 16)
    for run in factor.runs(of: 0..<16) {
      for (index, stored) in run.stored.enumerated() { rows[run.first + index * run.step] = stored }
    }
    #expect(rows == order)
  }

  @Test(arguments: [
    "model.language_model.layers.0.mlp.up_proj", "language_model.model.layers.0.mlp.up_proj",
    "layers.0.mlp.up_proj",
  ])
  func `bodies of other classes are left away`(_ path: String) throws {
    let model = try TinyModel(gguf: "qwen2", [:], [("blk.0.ffn_up.weight", .f32, [8, 4])])
    try model.add(TinyModel.pair(path, out: 8, in: 4))
    #expect(try model.plan().recipe("blk.0.ffn_up.weight")?.updates.count == 1)
  }

  @Test func `adapters that are combined tell the order of their rows`() throws {
    let model = try TinyModel(
      gguf: "llama", ["attention.head_count": 2], [("blk.0.attn_q.weight", .f32, [8, 4])])
    let q = "model.layers.0.self_attn.q_proj"
    for _ in 0..<2 { try model.add(TinyModel.pair(q, out: 8, in: 4)) }
    let plan = try model.plan { $0.combination.method = .ties }
    guard case .weight(let rule)? = plan.recipe("blk.0.attn_q.weight")?.updates.first?.rule else {
      Issue.record("no rule")
      return
    }
    let heads = rule.numbers.filter { $0.key.hasPrefix("head") }
    #expect(heads.map(\.key) == ["head0", "head1"] && heads.allSatisfy { $0.value == 4 })
  }

  @Test func `without a count for keys they have as many heads as queries`() throws {
    let model = try TinyModel(
      gguf: "llama", ["attention.head_count": 2], [("blk.0.attn_k.weight", .f32, [8, 4])])
    try model.add(TinyModel.pair("model.layers.0.self_attn.k_proj", out: 8, in: 4))
    let updates = try model.plan().recipe("blk.0.attn_k.weight")?.updates
    guard case .lowRank(let product)? = updates?.first?.rule else {
      Issue.record("no update")
      return
    }
    #expect(product.left.headRows == 4)
  }
}
