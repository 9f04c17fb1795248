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
    if checkpoint.gguf != nil, options.maxShardByteCount == nil { options.layout = .source }
    let recipes = drafts.recipes(options.dtype, dequantized, requantized)
    checkConsumption(adapters.map(\.adapter), inputs, recipes, setAside)
    let jobs = try JobPlanner(checkpoint, options).jobs(recipes)
    let config = ConfigPlanner(base, adapters.map(\.adapter.config), replication)
    return MergePlan(
      basePath: checkpoint.path, options: options, inputs: inputs,
      adapters: adapters.map { entry in
        PlannedAdapter(
          path: entry.adapter.path, strength: entry.strength, kind: entry.adapter.config.kind,
          configDigest: Digest.xxh3(entry.adapter.folder.configBytes).description)
      },
      jobs: jobs,
      hasIndex: checkpoint.gguf == nil
        && (jobs.count > 1
          || jobs[0].shardName != OutputNames.stem(of: checkpoint.shardNames) + ".safetensors"),
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

  // MARK: Promise

  /// Every tensor of every adapter is read by an update, starts a tensor, or was set aside by name:
  /// anything else is our own mistake.
  private static func checkConsumption(
    _ adapters: [Adapter], _ inputs: [InputFile], _ recipes: [TensorRecipe], _ setAside: [String]
  ) {
    var names = adapters.map { adapter in
      Set<String>(minimumCapacity: adapter.files.reduce(0) { $0 + $1.tensors.count })
    }
    var starts: Set<[Int64]> = []
    for index in recipes.indices {
      for update in recipes[index].updates {
        // What was combined names tensors of several adapters.
        let owners = update.isCombined ? names.indices : update.adapter..<(update.adapter + 1)
        for owner in owners { for name in update.tensorNames { names[owner].insert(name) } }
      }
      let source = recipes[index].source
      if case .adapter = inputs[source.file].role {
        starts.insert([Int64(source.file), source.offset])
      }
    }
    let aside = Set(setAside.map { String($0.prefix { $0 != ":" }) })
    var file = inputs.firstIndex { $0.role != .base } ?? inputs.count
    for (index, adapter) in adapters.enumerated() {
      for header in adapter.files {
        for entry in header.tensors where !names[index].contains(entry.name) {
          let start = [Int64(file), header.headerByteCount + entry.byteRange.lowerBound]
          invariant(
            starts.contains(start) || aside.contains(entry.name),
            "tensor \(entry.name) of \(adapter.path) is used by nothing")
        }
        file += 1
      }
    }
  }
}
