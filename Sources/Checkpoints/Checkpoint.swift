// A model folder as its headers and configs describe it. No tensor is read here.
//
//   config.json                        what the model is
//   model.safetensors.index.json       which files hold its weights (several), or
//   model.safetensors                  the one file that does
//   pytorch_model.bin.index.json, pytorch_model.bin     the same as torch saved it
//   model.gguf, model-00001-of-00002.gguf               the same in llama.cpp's container
//   tokenizer.json, *.py, …            side files: copied as they are
package import GGUF
package import OrderedJSON
package import Safetensors
import Storage
import TorchFiles

/// A base checkpoint: its shards, tensors, config and side files.
package struct Checkpoint: Sendable {
  /// Absolute folder.
  package let path: String
  /// In the order of `shardNames`.
  package let shards: [ShardHeader]
  /// Relative to the folder; runs of digits sort by value, so shard 2 comes before shard 10.
  package let shardNames: [String]
  /// Shard by shard, by offset; of what torch saved, as safetensors' writer would lay them.
  package private(set) var tensors: [BaseTensor]
  /// config.json as read, and its bytes; nil where there is none.
  package let config: JSON?
  package let configBytes: [UInt8]?
  /// shardweld.json, where the base is itself the output of a merge.
  package let manifest: JSON?
  /// The method that quantised the weights, as its config names it; nil for plain weights.
  package let quantization: String?
  /// The weights that are stored in a form of their own, by tensors and config.
  package let quantized: QuantizedWeights
  /// The quantisation's own object, wherever a config or a file beside it has it; empty for none.
  package let quantizationSection: JSON
  /// Files to be copied byte for byte: relative, sorted by bytes.
  package let sideFiles: [String]
  /// The method that scaled columns of the weights by factors it does not keep; nil where none did.
  package let hiddenScales: String?
  /// Files that describe how the weights are quantised: copied only where they stay so.
  package let quantizationFiles: [String]
  /// What lies beside the files is none of its own.
  package let isLone: Bool
  /// The model whose files the shards are, where they are llama.cpp's.
  package let gguf: GGUFModel?

  private var positions: [String: Int]

  /// Joins what was read; a tensor that two shards hold is refused.
  package init(
    path: String, shards: [ShardHeader], shardNames: [String], config: JSON? = nil,
    configBytes: [UInt8]? = nil, manifest: JSON? = nil, quantization: String? = nil,
    sideFiles: [String] = [], quantizationFiles: [String] = [], hiddenScales: String? = nil,
    isLone: Bool = false, gguf: GGUFModel? = nil
  ) throws(CheckpointError) {
    invariant(shards.count == shardNames.count, "\(shards.count) shards, \(shardNames.count) names")
    let count = shards.reduce(0) { $0 + $1.tensors.count }
    var tensors: [BaseTensor] = []
    tensors.reserveCapacity(count)
    var positions: [String: Int] = Dictionary(minimumCapacity: count)
    for (shard, header) in shards.enumerated() {
      for entry in header.tensors {
        if let other = positions.updateValue(tensors.count, forKey: entry.name) {
          throw .repeatedTensor(
            entry.name, first: shards[tensors[other].shard].path, second: header.path)
        }
        tensors.append(
          BaseTensor(
            name: entry.name, shard: shard, dtype: entry.dtype, shape: entry.shape,
            fileOffset: header.headerByteCount + entry.byteRange.lowerBound,
            byteCount: entry.byteCount))
      }
    }
    self.path = path
    self.shards = shards
    self.shardNames = shardNames
    self.tensors = tensors
    self.config = config
    self.configBytes = configBytes
    self.manifest = manifest
    self.quantization = quantization
    self.sideFiles = sideFiles
    self.quantizationFiles = quantizationFiles
    self.hiddenScales = hiddenScales
    self.gguf = gguf
    self.isLone = isLone
    let quantizing = try QuantizationConfig(method: quantization, config: config, folder: path)
    quantizationSection = quantizing.section
    quantized = QuantizedWeights(
      StoredTensors(
        quantizing, tensors, metadata: shards.map(\.metadata),
        files: ShardFiles(shards.map(\.path)), blocks: gguf?.blocks ?? [:]))
    self.positions = positions
  }

  /// The same files seen as other tensors, whose names must differ; for a base of plain weights.
  package func withTensors(_ tensors: [BaseTensor]) -> Checkpoint {
    var copy = self
    copy.tensors = tensors
    copy.positions = Dictionary(
      uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
    return copy
  }

  /// What it is made of: the folder, or the files alone.
  package var places: [String] { isLone ? shards.map(\.path) : [path] }

  /// The tensor of a name, nil where the base has none.
  package func tensor(_ name: String) -> BaseTensor? { positions[name].map { tensors[$0] } }

  /// Opens a folder, a single file of weights, one index file of a folder, or the snapshot that
  /// `refs/main` names of a model in the Hugging Face cache (`org/name`).
  package static func open(_ path: String) throws(CheckpointError) -> Checkpoint {
    try open(path, cache: HubCache.folder())
  }

  /// The same with the cache's folder given.
  package static func open(_ path: String, cache: String) throws(CheckpointError) -> Checkpoint {
    let (place, status) = try find(path, cache: cache)
    if status.isFolder {
      let weights = try WeightFiles.find(in: place)
      return try read(place, weights, takesSideFiles: true)
    }
    let folder = Path.parent(place)
    let weights = try WeightFiles.single(place)
    let hasConfig = try checked { () throws(StorageError) in
      try FileStatus.of(Path.join(folder, "config.json")) != nil
    }
    // A lone file may lie among things that are none of its own: only a config makes it a model.
    let isLone = place.hasSuffix(GGUFFile.ending) || !hasConfig && weights.index == nil
    return try read(folder, weights, takesSideFiles: !isLone)
  }

  private static func find(
    _ path: String, cache: String
  ) throws(CheckpointError) -> (String, FileStatus) {
    let given = Path.absolute(path)
    if let status = try checked({ () throws(StorageError) in try FileStatus.of(given) }) {
      guard status.isFolder, let snapshot = try HubCache.snapshot(of: given) else {
        return (given, status)
      }
      return (snapshot, try folderStatus(snapshot))
    }
    guard let repository = HubCache.repository(named: path) else { throw .notFound(path: given) }
    guard let snapshot = try HubCache.snapshot(of: Path.join(cache, repository)) else {
      throw .notInCache(name: path, cache: cache)
    }
    return (snapshot, try folderStatus(snapshot))
  }

  private static func folderStatus(_ path: String) throws(CheckpointError) -> FileStatus {
    let status = try checked { () throws(StorageError) in try FileStatus.of(path) }
    guard let status, status.isFolder else { throw .notFound(path: path) }
    return status
  }

  private static func read(
    _ folder: String, _ weights: WeightFiles, takesSideFiles: Bool
  ) throws(CheckpointError) -> Checkpoint {
    if weights.names[0].hasSuffix(GGUFFile.ending) {
      return try readGGUF(folder, weights, takesSideFiles: takesSideFiles)
    }
    let config = try ConfigFile.read(Path.join(folder, "config.json"))
    let method = try Quantization.method(config: config?.json, folder: folder)
    var shards: [ShardHeader] = []
    var shared: Set<String> = []
    for name in weights.names {
      var header = try WeightFormat.header(Path.join(folder, name))
      if TorchFile.isName(name) {
        shared.formUnion(SharedTensors.leaveOut(of: &header, config: config?.json))
        header = header.inWritingOrder
      }
      shards.append(header)
    }
    let checkpoint = try Checkpoint(
      path: folder, shards: shards, shardNames: weights.names, config: config?.json,
      configBytes: config?.bytes,
      manifest: try ConfigFile.read(Path.join(folder, "shardweld.json"))?.json,
      quantization: method,
      sideFiles: takesSideFiles ? try SideFiles.list(folder) : [],
      quantizationFiles: takesSideFiles ? try SideFiles.ofQuantization(folder) : [],
      hiddenScales: try Quantization.hiddenScales(method, folder: folder),
      isLone: !takesSideFiles)
    if let index = weights.index {
      for (tensor, file) in index.tensors
      where checkpoint.positions[tensor] == nil && !shared.contains(tensor) {
        throw .missingTensor(tensor, file: file, index: index.path)
      }
    }
    return checkpoint
  }

  /// All that such a model is stands in its files: a config.json beside them is a side file.
  private static func readGGUF(
    _ folder: String, _ weights: WeightFiles, takesSideFiles: Bool
  ) throws(CheckpointError) -> Checkpoint {
    let model = try GGUFShards.model(folder, weights.names)
    return try Checkpoint(
      path: folder, shards: model.files.map(GGUFShards.header), shardNames: weights.names,
      manifest: try ConfigFile.read(Path.join(folder, "shardweld.json"))?.json,
      sideFiles: takesSideFiles ? try SideFiles.list(folder, takesConfig: true) : [],
      isLone: !takesSideFiles, gguf: model)
  }
}

/// Runs a step on the file system and gives its error as this module's own.
func checked<T>(_ step: () throws(StorageError) -> T) throws(CheckpointError) -> T {
  do { return try step() } catch { throw .storage(error) }
}

/// A small JSON file beside the weights.
enum ConfigFile {
  /// Its value and its bytes; nil where there is no such file.
  static func read(_ path: String) throws(CheckpointError) -> (json: JSON, bytes: [UInt8])? {
    guard try checked({ () throws(StorageError) in try FileStatus.of(path) }) != nil else {
      return nil
    }
    let bytes = try checked { () throws(StorageError) in
      try WholeFile.read(path, limit: 1 << 28)
    }
    do { return (try JSON(parsing: bytes), bytes) } catch { throw .json(path: path, error) }
  }
}
