// How one tensor of the output is made: from the plan and the commit record while the job's folder
// is there, afterwards from the manifest, which knows less of the source.
import Ledger
import Planning
import Publishing
import Safetensors
import Storage

/// A tensor's whole story.
struct TensorStory {
  /// What it starts from.
  struct Source: Equatable, Sendable {
    /// The adapter whose own tensor it is, nil for the base's.
    var adapter: AdapterStory?
    /// The file's path, its name where only the manifest is left, nil where that does not tell.
    var file: String?
    /// In the file, from its start; of elements that lie strides apart, all that they span.
    var range: Range<Int64>?
    var dtype: DType?
    var shape: [Int]?
    /// The quantised format that it is stored in, if any.
    var format: String?
    /// nil until the tensor is committed.
    var digest: String?
  }

  /// One step; several windows where the same is done in several places.
  struct Step: Equatable, Sendable {
    var adapter: AdapterStory
    /// The rule with its numbers; from the manifest, the origin stands behind it.
    var rule: String
    /// How rank and alpha came about.
    var origin = ""
    /// As the adapter's files spell them.
    var tensorNames: [String] = []
    /// Rows and columns that it touches; none where that is the whole tensor or not known.
    var windows: [Window] = []
  }

  let name: String
  let dtype: DType
  let shape: [Int]
  let change: Change
  let source: Source
  let steps: [Step]
  let job: Int
  let shardName: String
  /// In the shard's file, from its start.
  let range: Range<Int64>
  /// nil until it is committed.
  let digest: String?
  /// nil where the job's folder is gone.
  let work: JobWork?

  /// From a job's folder.
  init(_ history: JobHistory, job id: Int, index: Int, now: Int64) {
    let plan = history.plan
    let job = plan.jobs[id]
    let recipe = job.recipes[index]
    let digests = history.committed[id]?.tensors[index]
    let input = plan.inputs[recipe.source.file]
    name = recipe.name
    (dtype, shape) = (recipe.dtype, recipe.shape)
    change = recipe.change(plan.inputs)
    var owner: AdapterStory?
    if case .adapter(let index) = input.role { owner = AdapterStory(plan.adapters[index]) }
    source = Source(
      adapter: owner, file: input.path,
      range: input.views.span(
        recipe.source.offset..<(recipe.source.offset + recipe.source.byteCount)),
      dtype: recipe.source.dtype,
      shape: recipe.source.elementCount == recipe.elementCount
        ? recipe.shape : [recipe.source.elementCount],
      format: recipe.decoding?.title,
      digest: digests?.source)
    steps = Self.steps(recipe, plan)
    self.job = id
    shardName = job.shardName
    let start = job.headerByteCount + recipe.offset
    range = start..<(start + recipe.byteCount)
    digest = digests?.output
    work = JobWork(history, job: id, now: now)
  }

  /// From the manifest alone.
  init(_ manifest: Manifest, shard id: Int, index: Int) {
    let shard = manifest.shards[id]
    let tensor = shard.tensors[index]
    name = tensor.name
    (dtype, shape) = (tensor.dtype, tensor.shape)
    change = tensor.change
    var updates = tensor.updates.filter { $0.adapter < manifest.adapters.count }[...]
    var source = Source(format: tensor.dequantizedFrom, digest: tensor.sourceDigest)
    if let first = updates.first, first.isWhole {
      source.adapter = AdapterStory(manifest.adapters[first.adapter])
      updates = updates.dropFirst()
    } else {
      source.file = manifest.baseShard(of: shard)
    }
    // A copy is of the source's type; what was changed may have been converted too.
    if tensor.change == .copied { (source.dtype, source.shape) = (tensor.dtype, tensor.shape) }
    self.source = source
    steps = updates.map {
      Step(
        adapter: AdapterStory(manifest.adapters[$0.adapter]), rule: $0.parts.rule,
        tensorNames: $0.parts.tensorNames)
    }
    job = id
    shardName = shard.name
    range = shard.ranges[index]
    digest = tensor.digest
    work = nil
  }

  /// A recipe's updates, those that differ only in their window taken together.
  private static func steps(_ recipe: TensorRecipe, _ plan: MergePlan) -> [Step] {
    var steps: [Step] = []
    let whole = Window(rows: 0..<recipe.rows, columns: 0..<recipe.columns)
    for update in recipe.updates {
      let step = Step(
        adapter: AdapterStory(plan.adapters[update.adapter]), rule: update.rule.words,
        origin: update.origin, tensorNames: update.tensorNames)
      var bare = steps.last
      bare?.windows = []
      if bare != step { steps.append(step) }
      if update.window != whole { steps[steps.count - 1].windows.append(update.window) }
    }
    return steps
  }
}
