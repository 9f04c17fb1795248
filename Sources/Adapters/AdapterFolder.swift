// Finds an adapter's files: config beside weights, weights in one file or several, the folder
// itself or the only adapter one level down (PEFT saves an adapter that has a name in a folder of
// that name).
//
//   out/adapter_config.json, out/adapter_model.safetensors
//   out/NAME/adapter_config.json, out/NAME/adapter_model-00001-of-00002.safetensors, …index.json
//   out/adapter_config.json, out/adapter_model.bin             as older versions of PEFT saved it
//   out/adapter_config.json, out/adapters.safetensors                                     mlx-lm
//   style.safetensors, or the folder that holds it alone                 formats without a config
//   adapter.gguf, or the folder that holds it and no other adapter                      llama.cpp
import GGUF
import OrderedJSON
package import Safetensors
import Storage
import TorchFiles

/// An adapter's files, found and their headers read; nothing is interpreted yet.
package struct AdapterFolder: Sendable {
  /// Absolute; one level below what was given where the adapter lies there. The file's own where
  /// the adapter is a file.
  package let path: String
  /// Where the config is, or would be.
  let configPath: String
  let hasConfig: Bool
  /// Empty where there is no config.
  package let configBytes: [UInt8]
  package let files: [ShardHeader]
  /// Names of `files` inside the folder.
  package let fileNames: [String]
  /// Metadata of a file of llama.cpp's container; nil for others.
  var gguf: GGUFFile?

  /// Names of all tensors.
  var tensorNames: some Sequence<String> {
    files.lazy.flatMap { $0.tensors.lazy.map(\.name) }
  }

  /// All tensors, file by file.
  var tensors: [AdapterTensor] {
    files.enumerated().flatMap { index, file in
      file.tensors.map { entry in
        AdapterTensor(
          name: entry.name, file: index, dtype: entry.dtype, shape: entry.shape,
          offset: file.headerByteCount + entry.byteRange.lowerBound)
      }
    }
  }

  /// Opens a weight file, a folder with `adapter_config.json`, the only one of its folders that
  /// has it, or a folder with one weight file that needs none.
  package static func open(_ given: String) throws(AdapterError) -> AdapterFolder {
    let given = Path.absolute(given)
    if try storage({ () throws(StorageError) in try FileStatus.of(given)?.isPlainFile == true }) {
      return try file(given)
    }
    guard let path = try locate(given) else { return try file(try looseFile(in: given)) }
    let names = try weightFiles(in: path)
    if names[0].hasSuffix(GGUFFile.ending) { return try readGGUF(path, path, names[0]) }
    return try read(path, path, names)
  }

  /// An adapter that was named by its file. PEFT's files are nothing without their folder.
  private static func file(_ path: String) throws(AdapterError) -> AdapterFolder {
    let (folder, name) = (Path.parent(path), Path.name(path))
    if name.hasSuffix(GGUFFile.ending) { return try readGGUF(path, folder, name) }
    guard name.hasSuffix(".safetensors") || TorchFile.isName(name) else {
      if let foreign = ForeignFiles(files: [name]) { throw foreign.refusal(of: path) }
      throw .noWeights(path: folder, found: [name])
    }
    if name.hasPrefix("adapter_model"), try locate(folder) == folder { return try open(folder) }
    return try read(path, folder, [name])
  }

  private static func read(
    _ path: String, _ folder: String, _ names: [String]
  ) throws(AdapterError) -> AdapterFolder {
    let configPath = folder + "/adapter_config.json"
    let hasConfig = try storage { () throws(StorageError) in
      try FileStatus.of(configPath) != nil
    }
    let config = try storage { () throws(StorageError) in
      hasConfig ? try WholeFile.read(configPath, limit: 64 << 20) : []
    }
    var files: [ShardHeader] = []
    for name in names { files.append(try header(folder + "/" + name)) }
    return AdapterFolder(
      path: path, configPath: configPath, hasConfig: hasConfig, configBytes: config, files: files,
      fileNames: names)
  }

  /// A file's header, read by the reader for its name; tensors in one order for both.
  package static func header(_ path: String) throws(AdapterError) -> ShardHeader {
    guard TorchFile.isName(path) else {
      do { return try ShardHeader.read(path) } catch { throw .container(error) }
    }
    do { return try TorchFile.read(path).inWritingOrder } catch { throw .torchFile(error) }
  }

  /// The one weight file of a folder that has no config. A model's folder is no adapter's.
  private static func looseFile(in path: String) throws(AdapterError) -> String {
    let names = try storage { () throws(StorageError) in try Folder.list(path) }
    if let foreign = ForeignFiles(files: names) { throw foreign.refusal(of: path) }
    for ending in [".safetensors", ".bin"] where names.contains("pytorch_lora_weights" + ending) {
      return path + "/pytorch_lora_weights" + ending
    }
    let files = names.filter {
      ($0.hasSuffix(".safetensors") || $0.hasSuffix(GGUFFile.ending)) && !$0.hasPrefix(".")
    }
    let isModel = names.contains { $0 == "config.json" || $0.hasSuffix(".index.json") }
    if files.count > 1, !isModel { throw .several(path: path, names: files) }
    guard files.count == 1, !files[0].hasPrefix("adapter_model.safetensors") else {
      throw .noConfig(path: path)
    }
    return path + "/" + files[0]
  }

  /// The folder that holds the config; nil where none does.
  private static func locate(_ path: String) throws(AdapterError) -> String? {
    func holds(_ folder: String) throws(AdapterError) -> Bool {
      try storage { () throws(StorageError) in
        try FileStatus.of(folder + "/adapter_config.json") != nil
      }
    }
    if try holds(path) { return path }
    guard try storage({ () throws(StorageError) in try FileStatus.of(path)?.isFolder == true })
    else { throw .noConfig(path: path) }
    var found: [String] = []
    for name in try storage({ () throws(StorageError) in try Folder.list(path) })
    where try holds(path + "/" + name) { found.append(name) }
    guard found.count <= 1 else { throw .several(path: path, names: found) }
    return found.first.map { path + "/" + $0 }
  }

  private static func weightFiles(in path: String) throws(AdapterError) -> [String] {
    let names = try storage { () throws(StorageError) in try Folder.list(path) }
    for ending in [".safetensors", ".bin"] {
      let whole = "adapter_model" + ending
      if names.contains(whole) { return [whole] }
      let index = whole + ".index.json"
      if names.contains(index) { return try indexedFiles(path + "/" + index, in: names) }
      if names.contains("adapters" + ending) { return ["adapters" + ending] }
    }
    let others = names.filter { $0.hasSuffix(".safetensors") && !$0.hasPrefix(".") }
    if others.count == 1 { return others }
    // torchtune calls it by the epoch: adapter_0.pt.
    let saved = names.filter { TorchFile.isName($0) && $0.hasPrefix("adapter") }
    if others.isEmpty, saved.count == 1 { return saved }
    let converted = names.filter { $0.hasSuffix(GGUFFile.ending) && !$0.hasPrefix(".") }
    if others.isEmpty, saved.isEmpty, converted.count == 1 { return converted }
    throw .noWeights(
      path: path,
      found: names.filter {
        $0.hasSuffix(".bin") || $0.hasSuffix(".pt") || $0.hasSuffix(".pth")
          || $0.hasSuffix(".safetensors")
      })
  }

  private static func indexedFiles(
    _ index: String, in names: [String]
  ) throws(AdapterError) -> [String] {
    let bytes = try storage { () throws(StorageError) in try WholeFile.read(index) }
    let json: JSON
    do { json = try JSON(parsing: bytes) } catch { throw .badConfig(path: index, error) }
    guard let map = json["weight_map"]?.members, !map.isEmpty else {
      throw .badIndex(path: index, problem: "\"weight_map\" is missing or empty")
    }
    var files: Set<String> = []
    for member in map {
      guard let file = member.value.text, Path.staysInside(file) else {
        throw .badIndex(path: index, problem: "\"\(member.key)\" names no file of this folder")
      }
      guard names.contains(file) else {
        throw .badIndex(path: index, problem: "\(file) is named but not in the folder")
      }
      files.insert(file)
    }
    return files.sorted()
  }
}

/// Runs a storage call and gives its error as the adapter's.
func storage<T>(_ call: () throws(StorageError) -> T) throws(AdapterError) -> T {
  do { return try call() } catch { throw .storage(error) }
}
