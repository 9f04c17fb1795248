// Which files of a folder are the model's weights. With `model.safetensors.index.json` it is that
// list; else exactly `model.safetensors`; else the same with diffusers' name for them; else the
// list of the only other index; else the only file or the only whole set of numbered files. Weights
// in another layout (`consolidated*`) and adapters are never taken for the model.
import Storage

/// The files that hold a model's weights.
struct WeightFiles {
  /// Relative to the folder, in natural order.
  var names: [String]
  var index: ShardIndex?

  static func find(in folder: String) throws(CheckpointError) -> WeightFiles {
    let names = try checked { () throws(StorageError) in try Folder.list(folder) }
    let own = names.filter { !$0.hasPrefix(".") && !isStray($0) }
    let indexes = own.filter { $0.hasSuffix(".safetensors.index.json") }
    for name in ["model.safetensors", "diffusion_pytorch_model.safetensors"] {
      let index = name + ".index.json"
      if indexes.contains(index) { return try indexed(Path.join(folder, index)) }
      if own.contains(name) { return WeightFiles(names: [name]) }
    }
    guard indexes.count <= 1 else { throw .severalIndexes(folder: folder, names: indexes) }
    if let index = indexes.first { return try indexed(Path.join(folder, index)) }

    let weights = own.filter { $0.hasSuffix(".safetensors") }
    guard !weights.isEmpty else { throw refusal(of: folder, names: names) }
    return WeightFiles(names: try onlySet(of: weights, in: folder))
  }

  /// The weights of a file named by itself: a lone `.safetensors` file, or an index.
  static func single(_ path: String) throws(CheckpointError) -> WeightFiles {
    let name = Path.name(path)
    if name.hasSuffix(".safetensors.index.json") { return try indexed(path) }
    guard name.hasSuffix(".safetensors") else { throw .notSafetensors(path: path) }
    if let shard = NumberedName(name), shard.total > 1 {
      throw .oneOfSeveral(path: path, folder: Path.parent(path))
    }
    return WeightFiles(names: [name])
  }

  private static func indexed(_ path: String) throws(CheckpointError) -> WeightFiles {
    let index = try ShardIndex.read(path)
    return WeightFiles(names: index.files, index: index)
  }

  /// The only set among the files, whole; a set named `model` goes before others.
  private static func onlySet(
    of files: [String], in folder: String
  ) throws(CheckpointError) -> [String] {
    let sets = Dictionary(grouping: files) { NumberedName($0)?.set ?? $0 }
    let preferred = sets.keys.filter { $0.hasPrefix("model-*-of-") }
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
    name.hasPrefix("consolidated") || name.hasPrefix("adapter_model")
      || name.hasSuffix("adapters.safetensors") || name == "pytorch_lora_weights.safetensors"
  }

  /// Why a folder without weights is no base: what lies there instead.
  private static func refusal(of folder: String, names: [String]) -> CheckpointError {
    let adapters = ["adapter_config.json", "pytorch_lora_weights.safetensors"]
    if adapters.contains(where: names.contains) { return .adapter(folder: folder) }
    let others = names.filter { name in
      isStray(name) || name == ".metadata" || otherFormats.contains { name.hasSuffix($0) }
    }
    return others.isEmpty
      ? .noWeights(folder: folder) : .otherFormat(folder: folder, names: others)
  }

  private static let otherFormats = [
    ".bin", ".pth", ".pt", ".ckpt", ".gguf", ".ggml", ".onnx", ".h5", ".msgpack", ".npz", ".distcp",
    ".ot", ".tflite", ".nemo",
  ]
}
