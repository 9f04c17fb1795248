// What goes to the output byte for byte: tokenizers, templates, code, licences. What does not:
// weights in any format (they would be stale beside the merged ones) and what describes them.
import OrderedJSON
import Storage

enum SideFiles {
  /// Relative paths, sorted by bytes. Links to files count as files; hidden names are left out. The
  /// config is one where the weights do not go by it, so that no new one is written.
  static func list(
    _ folder: String, takesConfig: Bool = false
  ) throws(CheckpointError) -> [String] {
    var walk = Walk(folder: folder, modules: try modules(of: folder))
    let status = try checked { () throws(StorageError) in try FileStatus.of(folder) }
    try walk.visit("", ancestors: status.map { [Walk.Identity($0)] } ?? [])
    let config = Path.join(folder, "config.json")
    if takesConfig, try checked({ () throws(StorageError) in try FileStatus.of(config) }) != nil {
      walk.files.append("config.json")
    }
    return walk.files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Files beside the weights that describe how they are quantised, sorted by bytes.
  static func ofQuantization(_ folder: String) throws(CheckpointError) -> [String] {
    try checked { () throws(StorageError) in
      try Folder.list(folder).filter { Quantization.files[$0] != nil }
    }
    .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Folders that sentence-transformers loads beside the model: their weights belong to no tensor
  /// of the base and stay.
  private static func modules(of folder: String) throws(CheckpointError) -> Set<String> {
    let file = try ConfigFile.read(Path.join(folder, "modules.json"))
    return Set((file?.json.elements ?? []).compactMap { $0["path"]?.text }.filter { !$0.isEmpty })
  }

  /// True for a file that the output makes anew or must not have.
  static func isLeftOut(_ name: String, atTop: Bool) -> Bool {
    if atTop, ownFiles.contains(name) || Quantization.files[name] != nil { return true }
    return WeightFiles.isStray(name) || name.hasSuffix(".index.json")
      || weightEndings.contains { name.hasSuffix($0) }
  }

  /// True for a folder of weights in another layout or of another time.
  static func isFolderLeftOut(_ name: String) -> Bool {
    if ["original", "metal", "onnx", "coreml"].contains(name) { return true }
    if name.hasPrefix("openvino") || WeightFiles.isStray(name) { return true }
    let step = name.utf8.dropFirst("checkpoint-".utf8.count)
    return name.hasPrefix("checkpoint-") && !step.isEmpty
      && step.allSatisfy(NaturalOrder.isDigit)
  }

  /// Made anew, or, for an adapter's config, wrong beside merged weights: loaders would look for
  /// the adapter.
  private static let ownFiles: Set = ["config.json", "shardweld.json", "adapter_config.json"]

  private static let weightEndings = [
    ".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".gguf", ".ggml", ".onnx", ".onnx_data", ".h5",
    ".msgpack", ".ot", ".tflite", ".distcp",
  ]
}

/// One walk through a folder.
private struct Walk {
  /// One folder of the file system, by whatever path it was reached.
  struct Identity: Hashable {
    var device: UInt64
    var inode: UInt64

    init(_ status: FileStatus) {
      device = status.device
      inode = status.inode
    }
  }

  var folder: String
  var modules: Set<String>
  var files: [String] = []

  init(folder: String, modules: Set<String>) {
    self.folder = folder
    self.modules = modules
  }

  /// Visits what lies below a relative folder; links back to one of the ancestors are passed over.
  mutating func visit(_ relative: String, ancestors: Set<Identity>) throws(CheckpointError) {
    let here = relative.isEmpty ? folder : Path.join(folder, relative)
    let names = try checked { () throws(StorageError) in try Folder.list(here) }
    for name in names where !name.hasPrefix(".") {
      let path = relative.isEmpty ? name : Path.join(relative, name)
      let isOfModule = modules.contains { path.hasPrefix($0 + "/") }
      if !isOfModule, SideFiles.isLeftOut(name, atTop: relative.isEmpty) { continue }
      let full = Path.join(folder, path)
      guard let status = try checked({ () throws(StorageError) in try FileStatus.of(full) }) else {
        throw .deadLink(path: full)
      }
      if status.isPlainFile { files.append(path) }
      guard status.isFolder, isOfModule || !SideFiles.isFolderLeftOut(name) else { continue }
      let identity = Identity(status)
      guard !ancestors.contains(identity) else { continue }
      try visit(path, ancestors: ancestors.union([identity]))
    }
  }
}
