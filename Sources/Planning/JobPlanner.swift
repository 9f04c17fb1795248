// From recipes to output files: which tensors share one, what it is called, and where in it each
// tensor lies.
import Checkpoints
import Safetensors

struct JobPlanner {
  private let checkpoint: Checkpoint
  private let options: MergeOptions

  init(_ checkpoint: Checkpoint, _ options: MergeOptions) {
    self.checkpoint = checkpoint
    self.options = options
  }

  /// One job a file, in order.
  func jobs(_ recipes: [TensorRecipe]) throws(PlanningError) -> [MergeJob] {
    let groups = try groups(recipes)
    if let model = checkpoint.gguf {
      guard groups.count <= GGUFJobs.countMax else { throw .tooManyFiles(count: groups.count) }
      return GGUFJobs(model, recipes, groups).jobs
    }
    let names = OutputNames.of(checkpoint.shardNames)
    let stem = OutputNames.stem(of: checkpoint.shardNames)
    return groups.enumerated().map { id, group in
      var own = group.members.map { recipes[$0] }
      Self.layOut(&own)
      let header = ShardLayout.header(own.map { ($0.name, $0.dtype, $0.shape) })
      let dataByteCount = own.reduce(Int64(0)) { $0 + $1.byteCount }
      return MergeJob(
        id: id,
        shardName: group.source.map { names[$0] } ?? Self.shardName(id, of: groups.count, stem),
        recipes: own, headerByteCount: Int64(header.count),
        byteCount: Int64(header.count) + dataByteCount)
    }
  }

  /// Tensors of one output file, and the base's shard that it stands for where it does.
  struct Group {
    var source: Int?
    /// Positions among the recipes.
    var members: [Int]
  }

  private func groups(_ recipes: [TensorRecipe]) throws(PlanningError) -> [Group] {
    switch options.layout {
    case .layers:
      let total = recipes.reduce(Int64(0)) { $0 + $1.byteCount }
      let limit = options.maxShardByteCount ?? Partition.automaticLimit(total)
      guard limit > 0 else { throw .shardLimit(bytes: limit) }
      return Partition.byLayers(recipes, maxShardByteCount: limit).map { Group(members: $0) }
    case .source:
      var members = Array(repeating: [Int](), count: checkpoint.shards.count)
      for (index, recipe) in recipes.enumerated() {
        // A tensor the base lacks goes into its last shard.
        let stored = checkpoint.tensor(recipe.name) ?? checkpoint.quantized[recipe.name]?.main
        members[stored?.shard ?? checkpoint.shards.count - 1].append(index)
      }
      // A shard of nothing but scales has nothing left once they are used.
      return members.enumerated().compactMap { shard, members in
        members.isEmpty && !checkpoint.shards[shard].tensors.isEmpty
          ? nil : Group(source: shard, members: members)
      }
    }
  }

  private static func shardName(_ id: Int, of count: Int, _ stem: String) -> String {
    count == 1
      ? stem + ".safetensors"
      : "\(stem)-\(padded(id + 1))-of-\(padded(count)).safetensors"
  }

  /// A number of at least five digits, as shards are counted.
  static func padded(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }

  /// Gives every recipe its place. The base's order is kept unless it would leave a tensor off the
  /// boundary of its own elements, which readers that map files refuse; then wide types come first.
  private static func layOut(_ recipes: inout [TensorRecipe]) {
    if place(&recipes) { return }
    recipes = recipes.enumerated().sorted { a, b in
      (-a.element.dtype.bitCount, a.offset) < (-b.element.dtype.bitCount, b.offset)
    }.map(\.element)
    _ = place(&recipes)
  }

  /// Lays recipes one behind the other; true where each lies on the boundary of its elements.
  private static func place(_ recipes: inout [TensorRecipe]) -> Bool {
    var offset: Int64 = 0
    var isAligned = true
    for index in recipes.indices {
      recipes[index].offset = offset
      isAligned = isAligned && offset % Int64(recipes[index].dtype.byteCount) == 0
      offset += recipes[index].byteCount
    }
    return isAligned
  }
}
