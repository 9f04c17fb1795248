// Plans and slices from their text, pulled straight into their structs. A member that is unknown or
// missing, or a value out of range, is refused: half a plan is none.
package import OrderedJSON
import Storage

extension PlanCodec {
  /// Reads one job's line.
  package static func decodeSlice(_ bytes: [UInt8]) throws(PlanError) -> JobSlice {
    var reader = try JSONReader.of(bytes)
    let line = try readLine(&reader)
    try reader.end()
    return JobSlice(job: line.job, inputs: line.inputs.map(\.file), options: line.options)
  }

  /// Reads a whole plan.json.
  package static func decode(_ bytes: [UInt8]) throws(PlanError) -> MergePlan {
    var reader = try JSONReader.of(bytes)
    var plan = MergePlan(
      basePath: "", options: MergeOptions(), inputs: [], adapters: [], jobs: [], hasIndex: false,
      configChanges: [], setAside: [], warnings: [])
    var contract = ""
    var missing = RequiredMembers([
      "plan", "contract", "base", "options", "adapters", "inputs", "hasIndex", "configChanges",
      "setAside", "warnings", "jobs",
    ])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "plan": try readFormat(&reader)
      case "contract": contract = try reader.text()
      case "base": plan.basePath = try reader.text()
      case "options": plan.options = try readOptions(&reader)
      case "adapters":
        plan.adapters = try reader.list { r throws(PlanError) in try readAdapter(&r) }
      case "inputs":
        plan.inputs = try reader.list { r throws(PlanError) in try readInput(&r).file }
      case "hasIndex": plan.hasIndex = try reader.flag(key)
      case "configChanges":
        plan.configChanges = try reader.list { r throws(PlanError) in try readChange(&r) }
      case "setAside": plan.setAside = try reader.list { r throws(PlanError) in try r.text() }
      case "warnings": plan.warnings = try reader.list { r throws(PlanError) in try r.text() }
      case "jobs": plan.jobs = try reader.list { r throws(PlanError) in try readJob(&r) }
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    try reader.end()
    guard contract == plan.options.accumulation.contract else {
      throw .invalid(member: "contract", found: contract)
    }
    try check(plan)
    return plan
  }

  /// What a line holds; `place` is an input's index in the whole plan.
  private struct Line {
    var job: MergeJob
    var inputs: [(file: InputFile, place: Int?)]
    var options: MergeOptions
  }

  private static func readLine(_ reader: inout JSONReader) throws(PlanError) -> Line {
    var line = Line(
      job: MergeJob(id: 0, shardName: "", recipes: [], headerByteCount: 0, byteCount: 0),
      inputs: [], options: MergeOptions())
    var missing = RequiredMembers([
      "plan", "job", "shard", "headerByteCount", "byteCount", "options", "inputs", "recipes",
    ])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "plan": try readFormat(&reader)
      case "job": line.job.id = try reader.count(key)
      case "shard": line.job.shardName = try reader.text()
      case "headerByteCount": line.job.headerByteCount = try reader.size(key)
      case "byteCount": line.job.byteCount = try reader.size(key)
      case "prelude": line.job.prelude = try readPrelude(&reader)
      case "options": line.options = try readOptions(&reader)
      case "inputs":
        line.inputs = try reader.list { r throws(PlanError) in try readInput(&r) }
      case "recipes":
        line.job.recipes = try reader.list { r throws(PlanError) in try readRecipe(&r) }
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    guard Path.staysInside(line.job.shardName) else {
      throw .invalid(member: "shard", found: "\"\(line.job.shardName)\"")
    }
    try line.job.checkPrelude()
    let fileCount = line.inputs.count
    for file in line.job.files where file >= fileCount {
      throw .invalid(member: "recipes", found: "reading input \(file) of \(fileCount)")
    }
    return line
  }

  /// A job whose recipes count in the whole plan's inputs again.
  private static func readJob(_ reader: inout JSONReader) throws(PlanError) -> MergeJob {
    var line = try readLine(&reader)
    var places: [Int] = []
    for input in line.inputs {
      guard let place = input.place else { throw .missing(member: "index") }
      places.append(place)
    }
    for index in line.job.recipes.indices { line.job.recipes[index].renumber(places) }
    line.job.prelude?.renumber { places[$0] }
    return line.job
  }

  /// What no single line can show to be wrong.
  private static func check(_ plan: MergePlan) throws(PlanError) {
    for (index, job) in plan.jobs.enumerated() {
      guard job.id == index else { throw .invalid(member: "job", found: "\(job.id)") }
      for file in job.files where file >= plan.inputs.count {
        throw .invalid(member: "index", found: "\(file)")
      }
      for recipe in job.recipes {
        for update in recipe.updates where update.adapter >= plan.adapters.count {
          throw .invalid(member: "adapter", found: "\(update.adapter)")
        }
      }
    }
    for case .adapter(let adapter) in plan.inputs.lazy.map(\.role)
    where adapter >= plan.adapters.count { throw .invalid(member: "role", found: "\(adapter)") }
  }

  // MARK: The head's parts

  private static func readFormat(_ reader: inout JSONReader) throws(PlanError) {
    let found = try reader.count("plan")
    guard found == format else { throw .version(found: found, expected: format) }
  }

  /// Reads what `write` wrote of the options.
  package static func readOptions(
    _ reader: inout JSONReader
  ) throws(PlanError) -> MergeOptions {
    var options = MergeOptions()
    var missing = RequiredMembers(["layout", "maxShardByteCount", "dtype", "digest", "nonFinite"])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "layout": options.layout = try reader.choice(key)
      case "maxShardByteCount":
        options.maxShardByteCount = reader.null() ? nil : try reader.size(key)
      case "dtype": options.dtype = try reader.choice(key)
      case "digest":
        let algorithm: DigestAlgorithm = try reader.choice(key)
        options.digest = algorithm.rawValue
      case "accumulate": options.accumulation = try reader.choice(key)
      case "nonFinite": options.nonFinite = try reader.choice(key)
      case "dequantize": options.dequantize = try reader.choice(key)
      case "requantize": options.requantize = try reader.choice(key)
      case "lostUpdates": options.lostUpdates = try reader.choice(key)
      case "combine":
        try reader.object { key, reader throws(PlanError) in
          switch key {
          case "method": options.combination.method = try reader.choice(key)
          case "density": options.combination.density = try reader.double(key)
          case "rank": options.combination.rank = try reader.count(key)
          case "seed": options.combination.seed = try reader.count(key)
          default: throw .unknown(member: key)
          }
        }
      case "scale":
        options.selection.scales = try readRules(&reader, key) { text throws(SelectorFault) in
          try ModuleScale(text)
        }
      case "only", "except":
        let rules = try readRules(&reader, key) { text throws(SelectorFault) in
          try ModuleSelector(text)
        }
        if key == "only" {
          options.selection.only = rules
        } else {
          options.selection.except = rules
        }
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    return options
  }

  private static func readRules<Rule>(
    _ reader: inout JSONReader, _ member: String, _ rule: (String) throws(SelectorFault) -> Rule
  ) throws(PlanError) -> [Rule] {
    try reader.list { reader throws(PlanError) in
      let text = try reader.text()
      do { return try rule(text) } catch { throw .invalid(member: member, found: "\"\(text)\"") }
    }
  }

  private static func readAdapter(_ reader: inout JSONReader) throws(PlanError) -> PlannedAdapter {
    var adapter = PlannedAdapter(path: "", strength: 1, kind: "", configDigest: "")
    var missing = RequiredMembers(["path", "strength", "kind", "configDigest"])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "path": adapter.path = try reader.text()
      case "strength": adapter.strength = try reader.double(key)
      case "kind": adapter.kind = try reader.text()
      case "configDigest": adapter.configDigest = try reader.text()
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    return adapter
  }

  private static func readInput(
    _ reader: inout JSONReader
  ) throws(PlanError) -> (file: InputFile, place: Int?) {
    var input = InputFile(
      role: .base, path: "", name: "", byteCount: 0, modified: 0, headerDigest: "")
    var place: Int?
    var views: [[Int]] = []
    var missing = RequiredMembers([
      "role", "path", "name", "byteCount", "modified", "headerDigest",
    ])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "index": place = try reader.count(key)
      case "role":
        let role = try reader.whole()
        guard role >= -1 else { throw .invalid(member: key, found: "\(role)") }
        input.role = role < 0 ? .base : .adapter(Int(role))
      case "path": input.path = try reader.text()
      case "name": input.name = try reader.text()
      case "byteCount": input.byteCount = try reader.size(key)
      case "modified": input.modified = try reader.whole()
      case "headerDigest": input.headerDigest = try reader.text()
      case "views":
        views = try reader.list { r throws(PlanError) in
          try r.list { r throws(PlanError) in try r.count("views") }
        }
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    for numbers in views { input.views.append(try view(numbers, of: input)) }
    return (input, place)
  }

  /// A view that lies behind those before it and within its file.
  private static func view(
    _ numbers: [Int], of input: InputFile
  ) throws(PlanError) -> StridedView {
    let axes = Array(numbers.dropFirst(3))
    guard numbers.count >= 3, axes.count % 2 == 0, Int64(numbers[0]) >= input.extent,
      let view = StridedView(
        offset: Int64(numbers[0]), start: Int64(numbers[1]), elementByteCount: numbers[2],
        shape: stride(from: 0, to: axes.count, by: 2).map { axes[$0] },
        strides: stride(from: 1, to: axes.count, by: 2).map { axes[$0] },
        fileByteCount: input.byteCount)
    else { throw .invalid(member: "views", found: "\(numbers)") }
    return view
  }

  private static func readChange(_ reader: inout JSONReader) throws(PlanError) -> ConfigChange {
    let change = try reader.tree()
    guard let parts = change.elements, parts.count == 2, let path = parts[0].elements,
      parts[1].text != nil || parts[1] == .null
    else { throw .invalid(member: "configChanges", found: change.compact) }
    return ConfigChange(path: path.compactMap(\.text), value: parts[1].text)
  }
}
