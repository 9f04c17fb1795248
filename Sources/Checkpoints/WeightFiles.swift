// Which files of a folder are the model's weights. With `model.safetensors.index.json` it is that
// list; else exactly `model.safetensors`; else the same with diffusers' name for them; else the
// list of the only other index; else the only file or the only whole set of numbered files. Where
// there is no safetensors file, the same goes for `pytorch_model.bin` and its kin, and then for
// llama.cpp's files. Weights in another layout (`consolidated*`), projectors beside a model
// (`mmproj*`) and adapters are never taken for the model.
import GGUF
import Storage

/// The files that hold a model's weights.
struct WeightFiles {
  /// Relative to the folder, in natural order.
  var names: [String]
  var index: ShardIndex?

  static func find(in folder: String) throws(CheckpointError) -> WeightFiles {
    let names = try checked { () throws(StorageError) in try Folder.list(folder) }
    let own = names.filter { !$0.hasPrefix(".") && !isStray($0) }
    for format in WeightFormat.all {
      if let weights = try find(format, among: own, in: folder) { return weights }
    }
    throw refusal(of: folder, names: names)
  }

  /// The weights in one format; nil where there are none.
  private static func find(
    _ format: WeightFormat, among names: [String], in folder: String
  ) throws(CheckpointError) -> WeightFiles? {
    for name in format.wholes {
      let index = name + ".index.json"
      if names.contains(index) { return try indexed(Path.join(folder, index)) }
      if names.contains(name) { return WeightFiles(names: [name]) }
    }
    let indexes = names.filter(format.isIndex)
    guard indexes.count <= 1 else { throw .severalIndexes(folder: folder, names: indexes) }
    if let index = indexes.first { return try indexed(Path.join(folder, index)) }

    let weights = names.filter(format.holds)
    if weights.isEmpty { return nil }
    return WeightFiles(names: try onlySet(of: weights, format, in: folder))
  }

  /// The weights of a file named by itself: a lone file of weights, or an index.
  static func single(_ path: String) throws(CheckpointError) -> WeightFiles {
    let name = Path.name(path)
    if let format = ForeignFormat.of(name), format == .meta || WeightFormat.of(name) == nil {
      throw .foreign(path: path, names: [], format)
    }
    guard let format = WeightFormat.of(name) else { throw .notWeights(path: path) }
    if format.isIndex(name) { return try indexed(path) }
    if name.hasSuffix(GGUFFile.ending) {
      // llama.cpp's own programs are given the first of a set, too.
      return WeightFiles(names: SplitName(name)?.names ?? [name])
    }
    if let shard = NumberedName(name), shard.total > 1 {
      throw .oneOfSeveral(path: path, folder: Path.parent(path))
    }
    return WeightFiles(names: [name])
  }

  private static func indexed(_ path: String) throws(CheckpointError) -> WeightFiles {
    let index = try ShardIndex.read(path)
    return WeightFiles(names: index.files, index: index)
  }

  /// The only set among the files, whole; a set named as the model's goes before others.
  private static func onlySet(
    of files: [String], _ format: WeightFormat, in folder: String
  ) throws(CheckpointError) -> [String] {
    let sets = Dictionary(grouping: files) { NumberedName($0)?.set ?? $0 }
    let preferred = sets.keys.filter { $0.hasPrefix(format.shards) }
    let candidates = sets.count == 1 ? Array(sets.keys) : preferred
    guard candidates.count == 1, let set = sets[candidates[0]] else {
      throw .severalWeights(folder: folder, names: sets.keys.sorted(by: NaturalOrder.precedes))
    }
    guard let shape = NumberedName(set[0]) else { return set }
    let numbers = Dictionary(grouping: set) { NumberedName($0)?.number ?? -1 }
    for (_, same) in numbers where same.count > 1 {
      throw .severalWeights(folder: folder, names: same)
    }
    // A set that starts at 0 names its last number, not its count.
    let first = numbers[0] == nil ? 1 : 0
    let expected = first...max(first, shape.total)
    for number in expected where numbers[number] == nil {
      throw .incompleteSet(folder: folder, missing: shape.name(of: number), found: set.count)
    }
    guard set.count == expected.count else { throw .severalWeights(folder: folder, names: set) }
    return set.sorted(by: NaturalOrder.precedes)
  }

  /// Weights that are not the model's own, whatever their format.
  static func isStray(_ name: String) -> Bool {
    name.hasPrefix("consolidated") || name.hasPrefix("adapter_model") || name.hasPrefix("mmproj")
      || name.hasSuffix("adapters.safetensors") || name.hasPrefix("pytorch_lora_weights.")
  }

  /// Folders of diffusers' pipelines that adapters speak of.
  private static let pipelineParts: Set = [
    "unet", "transformer", "transformer_2", "prior", "text_encoder", "text_encoder_2",
    "text_encoder_3",
  ]

  /// Why a folder without weights is no base: what lies there instead.
  private static func refusal(of folder: String, names: [String]) -> CheckpointError {
    let adapters = [
      "adapter_config.json", "pytorch_lora_weights.safetensors", "pytorch_lora_weights.bin",
    ]
    if adapters.contains(where: names.contains) { return .adapter(folder: folder) }
    if names.contains("model_index.json") {
      return .pipeline(folder: folder, parts: names.filter(pipelineParts.contains))
    }
    guard let foreign = ForeignFormat.of(names) else { return .noWeights(folder: folder) }
    return .foreign(path: folder, names: foreign.files, foreign.format)
  }
}
