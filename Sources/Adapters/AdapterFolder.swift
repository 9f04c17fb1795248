// Finds an adapter's files: config beside weights, weights in one file or several, the folder
// itself or the only adapter one level down (PEFT saves an adapter that has a name in a folder of
// that name).
//
//   out/adapter_config.json, out/adapter_model.safetensors
//   out/NAME/adapter_config.json, out/NAME/adapter_model-00001-of-00002.safetensors, …index.json
//   out/adapter_config.json, out/adapters.safetensors                                       mlx-lm
import OrderedJSON
package import Safetensors
import Storage

/// An adapter's files, found and their headers read; nothing is interpreted yet.
package struct AdapterFolder: Sendable {
  /// Absolute; one level below what was given where the adapter lies there.
  package let path: String
  package let configBytes: [UInt8]
  package let files: [ShardHeader]
  /// Names of `files` inside the folder.
  package let fileNames: [String]

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

  /// Where a path or one of its folders holds `adapter_config.json`.
  package static func open(_ given: String) throws(AdapterError) -> AdapterFolder {
    let path = try locate(Path.absolute(given))
    let config = try storage { () throws(StorageError) in
      try WholeFile.read(path + "/adapter_config.json", limit: 64 << 20)
    }
    let names = try weightFiles(in: path)
    var files: [ShardHeader] = []
    for name in names {
      do { files.append(try ShardHeader.read(path + "/" + name)) } catch {
        throw .container(error)
      }
    }
    return AdapterFolder(path: path, configBytes: config, files: files, fileNames: names)
  }

  private static func locate(_ path: String) throws(AdapterError) -> String {
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
    guard let name = found.first else { throw .noConfig(path: path) }
    return path + "/" + name
  }

  private static func weightFiles(in path: String) throws(AdapterError) -> [String] {
    let names = try storage { () throws(StorageError) in try Folder.list(path) }
    if names.contains("adapter_model.safetensors") { return ["adapter_model.safetensors"] }
    let index = "adapter_model.safetensors.index.json"
    if names.contains(index) { return try indexedFiles(path + "/" + index, in: names) }
    if names.contains("adapters.safetensors") { return ["adapters.safetensors"] }
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
