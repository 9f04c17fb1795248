// From headers to the whole merge on paper. Reads no weight and writes nothing: an adapter that
// does not fit is refused here, before anything has happened.
package import Adapters
package import Checkpoints
import OrderedJSON
import Safetensors
import Storage

package enum Planner {
  /// The plan for laying adapters on a base, in the order given, each with its strength.
  package static func plan(
    _ given: Checkpoint, adapters: [(adapter: Adapter, strength: Double)], options: MergeOptions
  ) throws(PlanningError) -> MergePlan {
    if let fault = given.quantized.refusal { throw .quantized(path: given.path, fault) }
    let replication = try LayerReplication(adapters.map(\.adapter), given)
    let checkpoint = replication?.applied(to: given) ?? given
    let base = BaseModel(checkpoint)
    let tie = EmbeddingTie.of(base)
    let inputs = self.inputs(checkpoint, adapters.map(\.adapter))
    var drafts = DraftTable(base)
    var steps: [Step] = []
    var setAside: [String] = []
    var firstFile = checkpoint.shards.count
    var modules: [[String]] = []
    var idle: String?
    for (index, entry) in adapters.enumerated() {
      let resolver = AdapterResolver(
        try ComponentChoice(adapter: entry.adapter, base: base).chosen(), index: index,
        strength: entry.strength, selection: options.selection, base: base, tie: tie,
        firstFile: firstFile)
      let own = try resolver.steps()
      steps += own.steps
      setAside += own.setAside
      modules.append(own.modules)
      if own.steps.isEmpty { idle = idle ?? entry.adapter.path }
      firstFile += entry.adapter.files.count
    }
    // A rule that is misspelt may be why nothing is left, so that is said first.
    try options.selection.check(modules)
    if let idle {
      throw options.selection.isEmpty ? .nothingToDo(adapter: idle) : .nothingLeft(adapter: idle)
    }
    let isUntied = try drafts.apply(steps, tie: tie)
    try drafts.combine(options.combination, adapters.map(\.adapter.path))
    let requantized = try Requantized(drafts, base, options.requantize)
    let dequantized = try Dequantized(
      drafts, base, options.dequantize, adapters.map(\.adapter), options.requantize)
    var options = options
    options.dequantize = dequantized.choice
    let recipes = drafts.recipes(options.dtype, dequantized, requantized)
    checkConsumption(adapters.map(\.adapter), inputs, recipes, setAside)
    let jobs = try self.jobs(recipes, checkpoint, options)
    let config = ConfigPlanner(base, adapters.map(\.adapter.config), replication)
    return MergePlan(
      basePath: checkpoint.path, options: options, inputs: inputs,
      adapters: adapters.map { entry in
        PlannedAdapter(
          path: entry.adapter.path, strength: entry.strength, kind: entry.adapter.config.kind,
          configDigest: Digest.xxh3(entry.adapter.folder.configBytes).description)
      },
      jobs: jobs,
      hasIndex: jobs.count > 1
        || jobs[0].shardName != OutputNames.stem(of: checkpoint.shardNames) + ".safetensors",
      configChanges: config.changes(
        drafts, isUntied: isUntied || dequantized.unties(tie), tie: tie, options.dtype)
        + dequantized.configChanges(options.dtype),
      setAside: setAside, warnings: config.warnings(drafts) + dequantized.warnings)
  }

  private static func inputs(_ checkpoint: Checkpoint, _ adapters: [Adapter]) -> [InputFile] {
    func input(_ role: InputFile.Role, _ name: String, _ header: ShardHeader) -> InputFile {
      InputFile(
        role: role, path: header.path, name: name, byteCount: header.fileByteCount,
        modified: header.modified, headerDigest: header.digest.description, views: header.views)
    }
    return zip(checkpoint.shardNames, checkpoint.shards).map { input(.base, $0, $1) }
      + adapters.enumerated().flatMap { index, adapter in
        zip(adapter.folder.fileNames, adapter.files).map { input(.adapter(index), $0, $1) }
      }
  }

  // MARK: Shards

  private static func jobs(
    _ recipes: [TensorRecipe], _ checkpoint: Checkpoint, _ options: MergeOptions
  ) throws(PlanningError) -> [MergeJob] {
    let groups: [(name: String?, members: [Int])]
    switch options.layout {
    case .layers:
      let total = recipes.reduce(Int64(0)) { $0 + $1.byteCount }
      let limit = options.maxShardByteCount ?? Partition.automaticLimit(total)
      guard limit > 0 else { throw .shardLimit(bytes: limit) }
      groups = Partition.byLayers(recipes, maxShardByteCount: limit).map { (nil, $0) }
    case .source:
      var members = Array(repeating: [Int](), count: checkpoint.shards.count)
      for (index, recipe) in recipes.enumerated() {
        // A tensor the base lacks goes into its last shard.
        let stored =
          checkpoint.tensor(recipe.name) ?? checkpoint.quantized[recipe.name]?.main
        members[stored?.shard ?? checkpoint.shards.count - 1].append(index)
      }
      // A shard of nothing but scales has nothing left once they are used.
      let names = OutputNames.of(checkpoint.shardNames)
      groups = zip(names, members).enumerated().compactMap { shard, group in
        group.1.isEmpty && !checkpoint.shards[shard].tensors.isEmpty
          ? nil : (Optional(group.0), group.1)
      }
    }
    let count = groups.count
    let name = OutputNames.stem(of: checkpoint.shardNames)
    return groups.enumerated().map { id, group in
      let own = laidOut(group.members.map { recipes[$0] })
      let header = ShardLayout.header(own.map { ($0.name, $0.dtype, $0.shape) })
      let dataByteCount = own.reduce(Int64(0)) { $0 + $1.byteCount }
      return MergeJob(
        id: id, shardName: group.name ?? shardName(id, of: count, name), recipes: own,
        headerByteCount: Int64(header.count), byteCount: Int64(header.count) + dataByteCount)
    }
  }

  private static func shardName(_ id: Int, of count: Int, _ name: String) -> String {
    if count == 1 { return name + ".safetensors" }
    func padded(_ number: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
    return "\(name)-\(padded(id + 1))-of-\(padded(count)).safetensors"
  }

  /// Gives every recipe its place. The base's order is kept unless it would leave a tensor off the
  /// boundary of its own elements, which readers that map files refuse; then wide types come first.
  private static func laidOut(_ recipes: [TensorRecipe]) -> [TensorRecipe] {
    func placed(_ recipes: [TensorRecipe]) -> (recipes: [TensorRecipe], isAligned: Bool) {
      var offset: Int64 = 0
      var isAligned = true
      let result = recipes.map { recipe in
        var copy = recipe
        copy.offset = offset
        isAligned = isAligned && offset % Int64(recipe.dtype.byteCount) == 0
        offset += recipe.byteCount
        return copy
      }
      return (result, isAligned)
    }
    let inOrder = placed(recipes)
    if inOrder.isAligned { return inOrder.recipes }
    let sorted = recipes.enumerated().sorted { a, b in
      (-a.element.dtype.bitCount, a.offset) < (-b.element.dtype.bitCount, b.offset)
    }
    return placed(sorted.map(\.element)).recipes
  }

  // MARK: Promise

  /// Every tensor of every adapter is read by an update, starts a tensor, or was set aside by name:
  /// anything else is our own mistake.
  private static func checkConsumption(
    _ adapters: [Adapter], _ inputs: [InputFile], _ recipes: [TensorRecipe], _ setAside: [String]
  ) {
    var names = adapters.map { _ in Set<String>() }
    var starts: Set<[Int64]> = []
    for recipe in recipes {
      for update in recipe.updates {
        // What was combined names tensors of several adapters.
        let owners = update.isCombined ? names.indices : update.adapter..<(update.adapter + 1)
        for owner in owners { names[owner].formUnion(update.tensorNames) }
      }
      if case .adapter = inputs[recipe.source.file].role {
        starts.insert([Int64(recipe.source.file), recipe.source.offset])
      }
    }
    let aside = Set(setAside.map { String($0.prefix { $0 != ":" }) })
    var file = inputs.firstIndex { $0.role != .base } ?? inputs.count
    for (index, adapter) in adapters.enumerated() {
      for header in adapter.files {
        for entry in header.tensors {
          let start = [Int64(file), header.headerByteCount + entry.byteRange.lowerBound]
          invariant(
            names[index].contains(entry.name) || starts.contains(start)
              || aside.contains(entry.name),
            "tensor \(entry.name) of \(adapter.path) is used by nothing")
        }
        file += 1
      }
    }
  }
}
