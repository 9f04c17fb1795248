// plan.json there and back: every rule, every option, slices on their own, and the words for what
// changed.
import OrderedJSON
import Safetensors
import Storage
import Testing

@testable import Planning

struct PlanCodecTests {
  // MARK: Round trips

  @Test func `a plan with every rule reads back equal`() throws {
    let plan = TinyPlan.everyRule
    let encoded = PlanCodec.encode(plan)
    #expect(try PlanCodec.decode(encoded.bytes) == plan)
    #expect(encoded.digest == Digest.xxh3(encoded.bytes))
  }

  @Test func `the text is valid JSON and the same every time`() throws {
    let encoded = PlanCodec.encode(TinyPlan.everyRule)
    let tree = try JSON(parsing: encoded.bytes)
    #expect(tree["plan"]?.int == 1)
    #expect(tree["contract"]?.text == "f32-once")
    #expect(tree["jobs"]?.elements?.count == 2)
    #expect(PlanCodec.encode(TinyPlan.everyRule) == encoded)
  }

  @Test func `a plan in Float64 has another contract, and its jobs know`() throws {
    var plan = TinyPlan.everyRule
    let short = PlanCodec.encode(plan)
    #expect(!String(decoding: short.bytes, as: UTF8.self).contains("accumulate"))
    plan.options.accumulation = .f64
    let encoded = PlanCodec.encode(plan)
    #expect(try PlanCodec.decode(encoded.bytes) == plan)
    #expect(encoded.digest != short.digest)
    #expect(try JSON(parsing: encoded.bytes)["contract"]?.text == "f64-once")
    for job in plan.jobs {
      #expect(try encoded.slice(job.id).options.accumulation == .f64)
    }
  }

  @Test func `views of an input read back, and take no room where there are none`() throws {
    var plan = TinyPlan.everyRule
    #expect(!String(decoding: PlanCodec.encode(plan).bytes, as: UTF8.self).contains("views"))
    let byteCount = plan.inputs[0].byteCount
    for (offset, shape) in [(byteCount, [2, 3]), (byteCount + 24, [])] {
      plan.inputs[0].views.append(
        try #require(
          StridedView(
            offset: offset, start: 4, elementByteCount: 4, shape: shape,
            strides: shape.isEmpty ? [] : [1, 2], fileByteCount: byteCount)))
    }
    let encoded = PlanCodec.encode(plan)
    #expect(try PlanCodec.decode(encoded.bytes) == plan)
    let slice = try encoded.slice(0)
    #expect(slice.inputs.first { $0.path == plan.inputs[0].path }?.views == plan.inputs[0].views)
    #expect(plan.inputs[0].extent == byteCount + 28)

    let text = String(decoding: encoded.bytes, as: UTF8.self)
    let view = "[\(byteCount),4,4,2,1,3,2]"
    #expect(text.contains(view))
    for wrong in [
      "[]", "[\(byteCount),4,4,2]", "[\(byteCount - 1),4,4,2,1,3,2]",
      "[\(byteCount),4,4,2,1,3,\(byteCount)]", "[\(byteCount + 8),4,4,2,1,3,2]",
    ] {
      let changed = Array(text.replacing(view, with: wrong).utf8)
      #expect(throws: PlanError.self, "\(wrong)") { try PlanCodec.decode(changed) }
    }
  }

  @Test func `a plan without jobs reads back`() throws {
    var plan = TinyPlan.everyRule
    plan.jobs = []
    plan.adapters = []
    plan.inputs = []
    #expect(try PlanCodec.decode(PlanCodec.encode(plan).bytes) == plan)
  }

  @Test(arguments: MergeOptions.Layout.allCases, MergeOptions.OutputDType.allCases)
  func `every option reads back`(
    layout: MergeOptions.Layout, dtype: MergeOptions.OutputDType
  ) throws {
    var plan = TinyPlan.everyRule
    plan.options.layout = layout
    plan.options.dtype = dtype
    plan.options.maxShardByteCount = layout == .layers ? nil : 5_000_000_000
    plan.options.digest = "sha256"
    plan.options.nonFinite = .keep
    #expect(try PlanCodec.decode(PlanCodec.encode(plan).bytes).options == plan.options)
  }

  @Test func `rules for single modules read back, and take no room where there are none`() throws {
    var plan = TinyPlan.everyRule
    let options = try JSON(parsing: PlanCodec.encode(plan).bytes)["options"]
    for name in ["scale", "only", "except"] { #expect(options?[name] == nil) }
    plan.options.selection.scales = [
      try ModuleScale("layers.0-15=0.1"), try ModuleScale("2:*=-1e300"),
    ]
    plan.options.selection.only = [try ModuleSelector("self_attn.*_proj")]
    plan.options.selection.except = [try ModuleSelector("1:mlp"), try ModuleSelector("lm_head")]
    let encoded = PlanCodec.encode(plan)
    #expect(try PlanCodec.decode(encoded.bytes) == plan)
    #expect(try encoded.slice(0).options == plan.options)
    let broken = String(decoding: encoded.bytes, as: UTF8.self)
      .replacing("\"1:mlp\"", with: "\"0:mlp\"")
    #expect(throws: PlanError.invalid(member: "except", found: "\"0:mlp\"")) {
      try PlanCodec.decode(Array(broken.utf8))
    }
  }

  @Test(arguments: [
    0.1, 1.0 / 3, 16 / 2.8284271247461903, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
    1e16, 123_456_789,
    .infinity, -.infinity,
  ])
  func `a double reads back to the same bits`(value: Double) throws {
    var plan = TinyPlan.everyRule
    plan.adapters[0].strength = value
    let back = try PlanCodec.decode(PlanCodec.encode(plan).bytes).adapters[0].strength
    #expect(back.bitPattern == value.bitPattern)
  }

  @Test func `the order of a head's rows reads back, and takes no room where there is none`() throws
  {
    var plan = TinyPlan.everyRule
    func text(_ plan: MergePlan) -> String {
      String(decoding: PlanCodec.encode(plan).bytes, as: UTF8.self)
    }
    #expect(text(plan).contains(#""left":[1,96,"F32",8,1]"#))
    guard case .lowRank(var product) = plan.jobs[0].recipes[0].updates[0].rule else {
      Issue.record("the first rule is another one")
      return
    }
    product.left.headRows = 8
    plan.jobs[0].recipes[0].updates[0].rule = .lowRank(product)
    #expect(text(plan).contains(#""left":[1,96,"F32",8,1,8]"#))
    #expect(try PlanCodec.decode(PlanCodec.encode(plan).bytes) == plan)
    let broken = text(plan).replacing(#""F32",8,1,8]"#, with: #""F32",8,1,8,8]"#)
    #expect(throws: PlanError.invalid(member: "left", found: "a list of 7 values")) {
      try PlanCodec.decode(Array(broken.utf8))
    }
  }

  // MARK: Slices

  @Test func `a slice decodes alone with only the inputs it reads`() throws {
    let plan = TinyPlan.everyRule
    let encoded = PlanCodec.encode(plan)
    #expect(encoded.slices.count == 2)
    for (index, place) in encoded.slices.enumerated() {
      let bytes = Array(encoded.bytes[Int(place.offset)..<Int(place.offset + place.byteCount)])
      #expect(Digest.xxh3(bytes).description == place.digest)
      #expect(bytes.first == UInt8(ascii: "{") && bytes.last == UInt8(ascii: "}"))
      #expect(!bytes.contains(UInt8(ascii: "\n")))
      let slice = try PlanCodec.decodeSlice(bytes)
      #expect(slice.options == plan.options)
      #expect(slice.job.id == index)
      for (recipe, planned) in zip(slice.job.recipes, plan.jobs[index].recipes) {
        #expect(recipe.files.map { slice.inputs[$0] } == planned.files.map { plan.inputs[$0] })
        #expect(recipe.name == planned.name)
      }
    }
    let second = encoded.slices[1]
    let slice = try PlanCodec.decodeSlice(
      Array(encoded.bytes[Int(second.offset)..<Int(second.offset + second.byteCount)]))
    #expect(slice.inputs == [plan.inputs[1]])
    #expect(slice.job.recipes[0].source.file == 0)
  }

  // MARK: Refusals

  @Test(arguments: [
    (#""columns":4"#, #""columns":-4"#, #"member "columns" cannot be -4"#),
    (#""rows":[0,8]"#, #""rows":[8,0]"#, #"member "rows" cannot be [8, 0]"#),
    (#""shape":[8,4]"#, #""shape":[8,4e2]"#, nil),
    (
      #""shape":[8,4]"#, #""shape":[4611686018427387904,4]"#,
      #"member "shape" cannot be [4611686018427387904, 4]"#
    ),
    (
      #""source":[0,1024,"BF16",32]"#, #""source":[0,1024,"BF17",32]"#,
      #"member "source" cannot be "BF17""#
    ),
    (
      #""source":[0,1024,"BF16",32]"#, #""source":[9,1024,"BF16",32]"#,
      #"member "recipes" cannot be reading input 9 of 2"#
    ),
    (
      #""source":[0,1024,"BF16",32]"#, #""source":[0,1024]"#,
      #"member "source" cannot be a list of 2 values"#
    ),
    (#""rank":8,"#, "", #"member "rank" is missing"#),
    (#""rank":8,"#, #""rank":8,"fast":true,"#, #"member "fast" is unknown"#),
    (#""shard":"model-0"#, #""shard":"../model-0"#, nil),
    (#""layout":"layers""#, #""layout":"rows""#, #"member "layout" cannot be "rows""#),
    (
      #"{"plan":1,"contract""#, #"{"plan":2,"contract""#,
      "written in format 2, this shardweld reads format 1; use the same version of shardweld "
        + "everywhere"
    ),
    (#""contract":"f32-once""#, #""contract":"f64""#, #"member "contract" cannot be f64"#),
    (
      #""contract":"f32-once""#, #""contract":"f64-once""#,
      #"member "contract" cannot be f64-once"#
    ),
    (
      #""digest":"xxh3","#, #""digest":"xxh3","accumulate":"f16","#,
      #"member "accumulate" cannot be "f16""#
    ),
    (#""warnings":["#, #""warnings":"#, nil),
    (#""index":1"#, #""index":77"#, #"member "index" cannot be 77"#),
    (#""adapter":1,"#, #""adapter":7,"#, #"member "adapter" cannot be 7"#),
    (#""job":1"#, #""job":0"#, #"member "job" cannot be 0"#),
    (#""hasIndex":true"#, #""hasIndex":1"#, #"member "hasIndex" cannot be 1"#),
  ])
  func `a damaged plan is refused`(text: String, damage: String, sentence: String?) throws {
    let whole = String(decoding: PlanCodec.encode(TinyPlan.everyRule).bytes, as: UTF8.self)
    let (front, back) = try #require(TinyPlan.split(whole, at: text))
    let error = #expect(throws: PlanError.self) {
      try PlanCodec.decode(Array((front + damage + back).utf8))
    }
    if let sentence { #expect(error?.sentence == sentence) }
  }

  @Test func `a plan cut short is refused`() throws {
    let bytes = PlanCodec.encode(TinyPlan.everyRule).bytes
    let error = #expect(throws: PlanError.self) {
      try PlanCodec.decode(Array(bytes.dropLast(4)))
    }
    #expect(error?.sentence == "\",\" or the end of the list expected at byte \(bytes.count - 4)")
  }

  // MARK: Differences

  @Test func `equal plans have no difference`() {
    #expect(PlanCodec.difference(onDisk: TinyPlan.everyRule, now: TinyPlan.everyRule) == nil)
  }

  @Test func `a difference is named as the user knows it`() throws {
    func sentence(_ change: (inout MergePlan) -> Void) -> String? {
      var now = TinyPlan.everyRule
      change(&now)
      return PlanCodec.difference(onDisk: TinyPlan.everyRule, now: now)
    }
    #expect(sentence { $0.basePath = "/c" } == "--base was /models/base, is now /c")
    #expect(sentence { $0.options.layout = .source } == "--layout was layers, is now source")
    #expect(
      sentence { $0.options.maxShardByteCount = 99 } == "--max-shard-size was auto, is now 99")
    #expect(sentence { $0.options.dtype = .f16 } == "--dtype was keep, is now f16")
    #expect(sentence { $0.options.digest = "sha256" } == "--digest was xxh3, is now sha256")
    #expect(sentence { $0.options.accumulation = .f64 } == "--accumulate was f32, is now f64")
    #expect(sentence { $0.options.nonFinite = .keep } == "--nonfinite was refuse, is now keep")
    let (mlp, head) = (try ModuleScale("mlp=0.5"), try ModuleScale("2:lm_head=0"))
    #expect(
      sentence { $0.options.selection.scales = [mlp, head] }
        == "--scale was not given, is now mlp=0.5 2:lm_head=0.0")
    let selector = try ModuleSelector("layers.0-3")
    #expect(
      sentence { $0.options.selection.only = [selector] }
        == "--only was not given, is now layers.0-3")
    #expect(
      sentence { $0.options.selection.except = [selector] }
        == "--except was not given, is now layers.0-3")
    #expect(
      sentence { $0.adapters[0].strength = 0.5 }
        == "adapter 1 (/a/b): strength was 1.0, is now 0.5")
    #expect(sentence { $0.adapters[1].path = "/a/d" } == "adapter 2 was /a/c, is now /a/d")
    #expect(
      sentence { $0.adapters[1].configDigest = "xxh3:1" }
        == "adapter 2 (/a/c): its config was modified since the merge began")
    #expect(sentence { $0.adapters.removeLast() } == "adapter 2 (/a/c) is no longer given")
    #expect(
      sentence { $0.adapters.append($0.adapters[0]) }
        == "adapter 3 (/a/b) was not given when the merge began")
    #expect(
      sentence { $0.inputs[1].modified += 1 }
        == "base file model-00002-of-00002.safetensors: modified since the merge began")
    #expect(
      sentence { $0.inputs[1].headerDigest = "xxh3:0" }
        == "base file model-00002-of-00002.safetensors: modified since the merge began")
    #expect(
      sentence { $0.inputs[0].byteCount = 7 }
        == "base file model-00001-of-00002.safetensors: had 4096 bytes when the merge began, "
        + "has 7 now")
    #expect(
      sentence { $0.inputs[2].path = "/x" }
        == "adapter 1 file adapter_model.safetensors: was at /a/b/adapter_model.safetensors, "
        + "is now at /x")
    #expect(
      sentence { $0.inputs[2].name = "x" }
        == "adapter 1 file adapter_model.safetensors: removed since the merge began")
    #expect(
      sentence {
        $0.inputs.append($0.inputs[0])
        $0.inputs[3].name = "extra.safetensors"
      } == "base file extra.safetensors: added since the merge began")
    #expect(
      sentence { $0.jobs.removeLast() }
        == "this version of shardweld plans the same merge differently")
  }

  // MARK: Attempt records

  @Test func `an attempt's record reads back equal`() throws {
    let record = AttemptRecord(
      attempt: AttemptID(job: 12, epoch: 3, attempt: 1), byteCount: 1 << 40,
      digest: TinyPlan.digest(1),
      tensors: [TensorDigests(output: TinyPlan.digest(2), source: TinyPlan.digest(3))],
      host: "n\"1", processID: 77, milliseconds: 1200, kernel: "avx2")
    #expect(try AttemptRecord.decode(record.encode()) == record)
  }

  @Test func `an attempt's record without its digest is refused`() throws {
    let error = #expect(throws: PlanError.self) {
      try AttemptRecord.decode(Array(#"{"attempt":[1,2,3],"byteCount":1}"#.utf8))
    }
    #expect(error?.sentence == #"member "digest" is missing"#)
    let other = #expect(throws: PlanError.self) {
      try AttemptRecord.decode(Array(#"{"digest":"xxh3:zz"}"#.utf8))
    }
    #expect(other?.sentence == #"member "digest" cannot be "xxh3:zz""#)
  }
}

/// A plan of two jobs that holds each rule once.
enum TinyPlan {
  static func digest(_ seed: UInt8) -> String { Digest.xxh3([seed]).description }

  static func split(_ text: String, at part: String) -> (String, String)? {
    guard let range = text.firstRange(of: part) else { return nil }
    return (String(text[..<range.lowerBound]), String(text[range.upperBound...]))
  }

  static var everyRule: MergePlan {
    func base(_ number: Int) -> InputFile {
      let name = "model-0000\(number)-of-00002.safetensors"
      return InputFile(
        role: .base, path: "/models/base/" + name, name: name, byteCount: 4096,
        modified: 1_700_000_000_000_000_001, headerDigest: digest(UInt8(number)))
    }
    let factor = Factor(file: 2, offset: 96, dtype: .f32, rowStride: 8, columnStride: 1)
    let product = LowRank(left: factor, right: factor, rank: 8, scale: 1.0 / 3)
    let tensor = TensorBytes(file: 2, offset: 352, dtype: .bf16, elementCount: 8)
    let rules: [Rule] = [
      .lowRank(product), .dora(product, magnitude: tensor, axis: .column, strength: 0.7),
      .add(tensor, scale: 0.1), .replace(tensor, strength: 1),
      .replaceRows([0, 7, 3], tensor, strength: 0.25),
      .weight(
        WeightRule(
          name: "rotation",
          operands: [.init(role: "triangle", tensor: tensor, shape: [2, 4])],
          numbers: [("size", 4), ("terms", 0.1)], isTransposed: true, rowsTogether: nil,
          strength: 0.5)),
      .weight(
        WeightRule(
          name: "turn",
          operands: [
            .init(role: "theta", tensor: tensor, shape: [8]),
            .init(role: "alpha", tensor: tensor, shape: [2, 2, 2]),
          ], numbers: [], isTransposed: false, rowsTogether: 16, strength: 1)),
    ]
    let updates = rules.enumerated().map { index, rule in
      Update(
        window: Window(rows: 0..<8, columns: 0..<4), rule: rule, adapter: index == 4 ? 1 : 0,
        tensorNames: ["base_model.model.q.lora_A.weight", "é\n\"\\"], origin: "alpha 16 / r 8")
    }
    func recipe(_ name: String, file: Int, _ updates: [Update]) -> TensorRecipe {
      TensorRecipe(
        name: name, dtype: .bf16, shape: [8, 4], columns: 4, offset: 0,
        source: TensorBytes(file: file, offset: 1024, dtype: .bf16, elementCount: 32),
        updates: updates)
    }
    return MergePlan(
      basePath: "/models/base", options: MergeOptions(),
      inputs: [
        base(1), base(2),
        InputFile(
          role: .adapter(0), path: "/a/b/adapter_model.safetensors",
          name: "adapter_model.safetensors", byteCount: 999, modified: -5,
          headerDigest: digest(9)),
      ],
      adapters: [
        PlannedAdapter(path: "/a/b", strength: 1, kind: "LORA", configDigest: digest(4)),
        PlannedAdapter(path: "/a/c", strength: 0.7, kind: "LORA", configDigest: digest(5)),
      ],
      jobs: [
        MergeJob(
          id: 0, shardName: "model-00001-of-00002.safetensors",
          recipes: [recipe("a.weight", file: 0, updates)], headerByteCount: 128, byteCount: 192),
        MergeJob(
          id: 1, shardName: "model-00002-of-00002.safetensors",
          recipes: [recipe("b.weight", file: 1, [])], headerByteCount: 128, byteCount: 192),
      ],
      hasIndex: true,
      configChanges: [ConfigChange(path: ["text_config", "torch_dtype"], value: "\"float16\"")],
      setAside: ["x: a copy PEFT saved along"], warnings: ["w"])
  }
}
