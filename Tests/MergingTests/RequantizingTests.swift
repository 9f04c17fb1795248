// Every small base of Tests/Fixtures/requantised, merged and put back into its form: each stored
// tensor is byte for byte what PEFT's sum becomes in the quantiser of the format's own library.
import Adapters
import Checkpoints
import Foundation
import OrderedJSON
import Planning
import Safetensors
import Storage
import TestSupport
import Testing

@testable import Merging

struct RequantizingTests {
  let scratch = Scratch()

  static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures/requantised").path()

  static let names = ((try? FileManager.default.contentsOfDirectory(atPath: fixtures)) ?? [])
    .sorted()

  /// A tensor with its bytes.
  private struct Stored: Equatable {
    var dtype: DType
    var shape: [Int]
    var bytes: [UInt8]
  }

  private func tensors(_ path: String) throws -> [String: Stored] {
    let header = try ShardHeader.read(path)
    let file = try File.open(path)
    var tensors: [String: Stored] = [:]
    for entry in header.tensors {
      tensors[entry.name] = Stored(
        dtype: entry.dtype, shape: entry.shape,
        bytes: try file.read(
          count: Int(entry.byteCount),
          at: header.headerByteCount + entry.byteRange.lowerBound))
    }
    return tensors
  }

  private func plan(
    _ name: String, strength: Double = 1, _ change: (inout MergeOptions) -> Void = { _ in }
  ) throws -> MergePlan {
    var options = MergeOptions()
    options.requantize = .same
    change(&options)
    return try Planner.plan(
      try Checkpoint.open(Self.fixtures + "/\(name)/base"),
      adapters: [(try Adapter.open(Self.fixtures + "/\(name)/adapter"), strength)],
      options: options)
  }

  private func merge(
    _ plan: MergePlan, _ budget: TileBudget
  ) throws -> (tensors: [String: Stored], updates: [String: UpdateStatistics]) {
    let encoded = PlanCodec.encode(plan)
    #expect(try PlanCodec.decode(encoded.bytes) == plan)
    var all: [String: Stored] = [:]
    var updates: [String: UpdateStatistics] = [:]
    for job in plan.jobs {
      let path = scratch("\(UUID())")
      let shard = try ShardMerge(slice: encoded.slice(job.id), budget: budget).run(to: path) { _ in
        true
      }
      all.merge(try tensors(path)) { first, _ in first }
      for (recipe, digests) in zip(job.recipes, shard.tensors) {
        if let update = digests.update { updates[recipe.name] = update }
      }
    }
    return (all, updates)
  }

  /// A usual budget, and one in which tiles are as small as they can be.
  private static let budgets: [TileBudget] = {
    var small = TileBudget(memoryByteCount: 0, threads: 3)
    small.tileByteCount = 64
    small.blockByteCount = 64
    return [TileBudget(threads: 1), small]
  }()

  @Test func `there is a fixture of every form`() { #expect(Self.names.count == 14) }

  @Test(arguments: names)
  func `a merged weight is quantised to the bytes of its own library`(_ name: String) throws {
    let plan = try plan(name)
    #expect(plan.configChanges.isEmpty)
    let expected = try tensors(Self.fixtures + "/\(name)/expected.safetensors")
    let base = try tensors(Self.fixtures + "/\(name)/base/model.safetensors")
    var seen: [String: UpdateStatistics]?
    for budget in Self.budgets {
      let (found, updates) = try merge(plan, budget)
      #expect(found.keys.sorted() == expected.keys.sorted())
      for (name, tensor) in expected {
        let own = try #require(found[name])
        #expect(own.dtype == tensor.dtype && own.shape == tensor.shape, "\(name)")
        let others = zip(own.bytes, tensor.bytes).count { $0 != $1 }
        #expect(others == 0, "\(name): of \(own.bytes.count) bytes")
      }
      #expect(seen == nil || seen == updates)
      seen = updates
    }
    let isChanged = base != expected
    #expect(isChanged)
    // Codes are measured, scales are not.
    for (name, update) in try #require(seen) {
      #expect(base[name]?.dtype != .f32 && update.moved > 0 && update.lost < 1, "\(name)")
      #expect(update.changed + update.vanished >= update.moved, "\(name) \(update)")
    }
  }

  @Test(arguments: ["float8-block", "packed-int4", "nf4", "nf4-nested"])
  func `updates that see whole rows or columns give the same bytes for any tiles`(
    _ name: String
  ) throws {
    let checkpoint = try Checkpoint.open(Self.fixtures + "/\(name)/base")
    let own = try ShardHeader.read(Self.fixtures + "/\(name)/adapter/adapter_model.safetensors")
    var generator = SeededGenerator(seed: 11)
    var tensors = own.tensors.map { SampleTensor($0.name, .f32, $0.shape, from: &generator) }
    for entry in own.tensors where entry.name.hasSuffix("lora_B.weight") {
      let magnitude = entry.name.replacing("lora_B.weight", with: "lora_magnitude_vector.weight")
      tensors.append(SampleTensor(magnitude, .f32, [entry.shape[0]], from: &generator, size: 3))
    }
    try scratch.write("dora/adapter_model.safetensors", tensors)
    try scratch.write(
      "dora/adapter_config.json",
      #"{"peft_type": "LORA", "r": 3, "lora_alpha": 6, "use_dora": true}"#)
    var options = MergeOptions()
    options.requantize = .same
    let plan = try Planner.plan(
      checkpoint, adapters: [(try Adapter.open(scratch("dora")), 1)], options: options)
    let results = try Self.budgets.map { try merge(plan, $0) }
    let isSame =
      results[0].tensors == results[1].tensors && results[0].updates == results[1].updates
    #expect(isSame)
    let stored = try self.tensors(Self.fixtures + "/\(name)/base/model.safetensors")
    let isChanged = results[0].tensors != stored
    #expect(isChanged)
  }

  /// Where no value lies close to a middle, the rounded values are the same, and so the codes.
  @Test(arguments: names)
  func `what is merged in Float64 goes back into the form too`(_ name: String) throws {
    let short = try merge(try plan(name), Self.budgets[0])
    let long = try plan(name) { $0.accumulation = .f64 }
    for budget in Self.budgets {
      let found = try merge(long, budget)
      let isSame = found.tensors == short.tensors
      #expect(isSame)
      for (name, update) in short.updates {
        let own = try #require(found.updates[name])
        #expect(own.changed == update.changed && own.vanished <= own.moved, "\(name)")
        #expect(abs(own.updateNorm / update.updateNorm - 1) < 1e-3, "\(name)")
      }
    }
  }

  @Test func `an update below the step of the form is refused, or kept where that is asked for`()
    throws
  {
    let faint = try plan("packed-int4", strength: 1e-4)
    let error = #expect(throws: MergingError.self) { _ = try merge(faint, Self.budgets[0]) }
    guard case .lostUpdate(let tensor, let vanished, let moved) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(vanished <= moved && Double(vanished) > 0.99 * Double(moved))
    #expect(error?.isFinal == true)
    #expect(
      error?.sentence
        == "\(tensor) would lose its update: \(vanished) of the \(moved) elements that it moves are "
        + "below the step of the base's quantised form, and at most 99 % may be; merge with "
        + "--dequantize all, or write it so with --lost-updates keep")
    let kept = try plan("packed-int4", strength: 1e-4) { $0.lostUpdates = .keep }
    let (_, updates) = try merge(kept, Self.budgets[0])
    #expect(updates[tensor]?.vanished == vanished && updates[tensor]?.moved == moved)
  }

  @Test func `what is not finite has no scale`() throws {
    for nonFinite in MergeOptions.NonFinite.allCases {
      let plan = try plan("float8-block", strength: 1e39) { $0.nonFinite = nonFinite }
      let error = #expect(throws: MergingError.self) { _ = try merge(plan, Self.budgets[0]) }
      guard case .notQuantizable(let name, let row, let column) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(name.hasPrefix("model.layers.0."))
      #expect(
        error?.sentence
          == "\(name) is not finite at row \(row), column \(column) once it is merged, and has no "
          + "scale as such; look at the adapter and its scale, or merge with --dequantize all")
    }
  }

  /// Every number that can be told from its neighbours and from the middle between them.
  @Test func `small floats take the nearest number, ties to even`() {
    for (table, code) in [
      (Array(SmallFloat.e4m3[0..<127]), SmallFloat.e4m3Code),
      (Array(SmallFloat.e2m1[0..<8]), SmallFloat.e2m1Code),
    ] {
      for (place, (low, high)) in zip(table, table.dropFirst()).enumerated() {
        let middle = (low + high) / 2
        #expect(code(low) == place && code(high) == place + 1)
        #expect(code(middle.nextDown) == place && code(middle.nextUp) == place + 1)
        #expect(code(middle) == place + place % 2)
      }
      #expect(code(table.last! * 2) == table.count - 1)
    }
    #expect(SmallFloat.e4m3Code(-0.0) == 0x80 && SmallFloat.e2m1Code(-6) == 15)
  }

  @Test func `a group of zeros has a scale that its library gives it`() throws {
    func rule<Rule: GroupRule>(
      _: Rule.Type, _ scale: DType, _ numbers: [(key: String, value: Double)]
    ) throws -> Float {
      let encoding = Encoding(
        form: "", part: .scales, shape: [2, 64], dtype: .bf16, scaleDType: scale, numbers: numbers)
      return try #require(Rule(encoding)).scale(largest: 0, isRest: false).stored
    }
    #expect(try rule(InverseFloat8Rule.self, .f32, []) == 1)
    #expect(try rule(InverseFloat8Rule.self, .u8, [("powersOfTwo", 1)]) == 1)
    #expect(try rule(RatioFloat8Rule.self, .bf16, []) == 0x1p-7)
    #expect(try rule(IntegerRule.self, .f16, [("bits", 8)]) == 0x1p-10)
    #expect(try rule(NormalFloat4Rule.self, .f32, [("block", 64)]) == 0)
    #expect(try rule(SharedExponentRule.self, .u8, [("group", 32)]) == 0x1p-127)
  }

  @Test func `a form that does not fit is refused before anything is written`() throws {
    for change: (inout Encoding) -> Void in [
      { $0.form = "unknown" }, { $0.dtype = .f64 }, { $0.scaleDType = .f8E4M3 },
      { $0.numbers = [("bits", 5), ("group", 32), ("packed", 1)] },
    ] {
      var plan = try plan("packed-int4")
      let place = try #require(plan.jobs[0].recipes.firstIndex { $0.encoding?.part == .codes })
      change(&plan.jobs[0].recipes[place].encoding!)
      let name = plan.jobs[0].recipes[place].name
      let encoded = PlanCodec.encode(plan)
      #expect(throws: MergingError.unfitRecipe(tensor: name, .encoding)) {
        _ = try ShardMerge(slice: encoded.slice(0), budget: Self.budgets[0])
          .run(to: scratch("never")) { _ in true }
      }
    }
  }

  @Test func `nested scales that do not fit are refused before anything is written`() throws {
    for change: (inout TensorRecipe) -> Void in [
      { $0.encoding!.scaleDType = .f32 }, { $0.encoding!.numbers.removeAll { $0.key == "block" } },
      { $0.encoding!.numbers.removeAll { $0.key == "nestedOffset" } },
      { $0.encoding!.numbers.removeAll { $0.key == "nestedBlock" } },
      { $0.decoding!.operands.removeAll { $0.role == "nestedMap" } },
    ] {
      for part in [Encoding.Part.codes, .scales, .nestedScales] {
        var recipe = try #require(
          try plan("nf4-nested").jobs.flatMap(\.recipes).first { $0.encoding?.part == part })
        #expect(Encoders.of(recipe, recipe.encoding!) != nil)
        change(&recipe)
        #expect(Encoders.of(recipe, recipe.encoding!) == nil, "\(part)")
      }
    }
    // Scales that are numbers have none of their own.
    var recipe = try #require(
      try plan("nf4").jobs.flatMap(\.recipes).first { $0.encoding?.part == .scales })
    recipe.encoding!.part = .nestedScales
    #expect(Encoders.of(recipe, recipe.encoding!) == nil)
  }

  @Test func `numbers of nested scales that do not ascend are refused`() throws {
    let fixture = Self.fixtures + "/nf4-nested"
    let order = try ShardHeader.read(fixture + "/base/model.safetensors").tensors.map(\.name)
    let stored = try tensors(fixture + "/base/model.safetensors")
    try scratch.write(
      "base/model.safetensors",
      try order.map { name in
        let tensor = try #require(stored[name])
        let isMap = name.hasSuffix("nested_quant_map")
        // The first number twice.
        let bytes = isMap ? tensor.bytes[..<4] + tensor.bytes.dropLast(4) : tensor.bytes[...]
        return SampleTensor(name, tensor.dtype, tensor.shape, bytes: Array(bytes))
      })
    try scratch.write(
      "base/config.json", Array(Data(contentsOf: URL(filePath: fixture + "/base/config.json"))))
    var options = MergeOptions()
    options.requantize = .same
    let plan = try Planner.plan(
      try Checkpoint.open(scratch("base")),
      adapters: [(try Adapter.open(fixture + "/adapter"), 1)], options: options)
    let error = #expect(throws: MergingError.self) { _ = try merge(plan, Self.budgets[0]) }
    guard case .unfitRecipe(let tensor, .map) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(
      error?.sentence
        == "the plan of \(tensor) does not fit: the stored numbers of its nested scales do not "
        + "ascend; plan anew with --restart")
  }

  /// The refusal of an adapter for one weight of a base of Tests/Fixtures/quantised.
  private func refusal(_ name: String, _ module: String, dora: Bool = false) throws -> String? {
    let checkpoint = try Checkpoint.open(Self.fixtures + "/../quantised/\(name)/base")
    let weight = try #require(checkpoint.quantized[module + ".weight"])
    let (rows, columns) =
      weight.isTransposed
      ? (weight.shape[1], weight.shape[0]) : (weight.shape[0], weight.shape[1])
    var generator = SeededGenerator(seed: 5)
    let path = "base_model.model." + module
    var tensors = [
      SampleTensor(path + ".lora_A.weight", .f32, [2, columns], from: &generator),
      SampleTensor(path + ".lora_B.weight", .f32, [rows, 2], from: &generator),
    ]
    if dora {
      let magnitude = path + ".lora_magnitude_vector.weight"
      tensors.append(SampleTensor(magnitude, .f32, [rows], from: &generator))
    }
    try scratch.write("adapter/adapter_model.safetensors", tensors)
    try scratch.write(
      "adapter/adapter_config.json",
      #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "use_dora": \#(dora)}"#)
    var options = MergeOptions()
    options.requantize = .same
    let adapter = try Adapter.open(scratch("adapter"))
    do throws(PlanningError) {
      _ = try Planner.plan(checkpoint, adapters: [(adapter, 1)], options: options)
      return nil
    } catch { return error.sentence }
  }

  @Test func `what has no way back is refused by name`() throws {
    func sentence(_ module: String, _ form: String, _ reason: String) -> String {
      "\"\(module).weight\" is stored as \(form) and cannot be quantised again: \(reason); "
        + "use --dequantize all"
    }
    let none = "this tool has no quantiser of this form"
    for (name, module, form, reason) in [
      ("bitsandbytes-4bit", "model.layers.3.mlp.up_proj", "bitsandbytes FP4", none),
      ("bitsandbytes-4bit", "model.layers.4.mlp.up_proj", "bitsandbytes FP4", none),
      ("bitsandbytes-8bit", "model.layers.0.mlp.up_proj", "bitsandbytes LLM.int8()", none),
      (
        "packed-int4-ordered", "model.layers.0.mlp.up_proj", "compressed-tensors int4",
        "its groups do not follow each other"
      ),
      (
        "packed-int4-asymmetric", "model.layers.0.mlp.up_proj", "compressed-tensors int4",
        "its codes have zero points, which only data can choose"
      ),
    ] {
      #expect(try refusal(name, module) == sentence(module, form, reason), "\(name)")
    }
  }

  @Test func `a weight that is stored transposed takes pairs of factors alone`() throws {
    let base = try Checkpoint.open(Self.fixtures + "/../quantised/bitsandbytes-gpt2/base")
    let weight = try #require(
      base.quantized.weights.first { $0.form == "nibbles" && $0.operands.count == 2 })
    #expect(
      try refusal("bitsandbytes-gpt2", weight.module, dora: true)
        == "\"\(weight.name)\" is stored as \(weight.title) and cannot be quantised again: it is "
        + "stored transposed, where pairs of factors alone can be added; use --dequantize all")
  }
}
