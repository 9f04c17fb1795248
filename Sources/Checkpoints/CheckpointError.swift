package import GGUF
package import OrderedJSON
package import Safetensors
package import Storage
package import TorchFiles

/// Why a path cannot serve as a base checkpoint.
package enum CheckpointError: Error, Equatable {
  case storage(StorageError)
  /// A shard's header cannot be read.
  case shard(SafetensorsError)
  /// A file that torch saved cannot be read.
  case torchFile(TorchFileError)
  /// A file of llama.cpp's, or the set that it is of, cannot be read.
  case gguf(GGUFError)
  /// Such a file holds something else than a model, by its own word.
  case notAModel(path: String, kind: String)
  /// A config or an index is not the JSON expected.
  case json(path: String, JSONError)
  /// Nothing is there, and it cannot be the name of a model.
  case notFound(path: String)
  case notInCache(name: String, cache: String)
  /// `refs/main` of a cached model names no snapshot.
  case badReference(path: String)
  /// A file was given whose name is none of a container that is read.
  case notWeights(path: String)
  /// A file was given that is one shard of a set.
  case oneOfSeveral(path: String, folder: String)
  case severalIndexes(folder: String, names: [String])
  case severalWeights(folder: String, names: [String])
  case incompleteSet(folder: String, missing: String, found: Int)
  /// An index without `weight_map`, or with an empty one.
  case emptyIndex(path: String)
  case leavesFolder(file: String, index: String)
  case missingFile(String, index: String)
  case missingTensor(String, file: String, index: String)
  case repeatedTensor(String, first: String, second: String)
  /// The folder holds an adapter.
  case adapter(folder: String)
  /// The folder holds weights in a format that is not read, or the file is in one.
  case foreign(path: String, names: [String], ForeignFormat)
  case noWeights(folder: String)
  /// A folder of diffusers with several checkpoints in it.
  case pipeline(folder: String, parts: [String])
  /// A name in the folder leads to nothing.
  case deadLink(path: String)

  /// What failed, on what, expected and found, what to do next.
  package var sentence: String {
    switch self {
    case .storage(let error): error.sentence
    case .shard(let error): error.sentence
    case .torchFile(let error): error.sentence
    case .gguf(let error): error.sentence
    case .notAModel(let path, let kind):
      "\(path) says that it is \(Self.quote(kind)), not a model; "
        + (kind == "adapter"
          ? "give it as --adapter and the model's file as --base" : "give the model's file")
    case .json(let path, let error):
      "\(path) is not the JSON expected: \(error.sentence); mend it or fetch it again"
    case .notFound(let path): "\(path) does not exist; give a folder, a file or a model's name"
    case .notInCache(let name, let cache):
      "\(name) is no folder here and no model in the Hugging Face cache \(cache); "
        + "fetch it with `hf download \(name)`"
    case .badReference(let path):
      "\(path) does not name a snapshot; fetch the model again, or give its folder"
    case .notWeights(let path):
      "\(path) is neither a .safetensors file nor one that torch saved (.bin, .pth, .pt), nor "
        + "llama.cpp's (.gguf); convert it first"
    case .oneOfSeveral(let path, let folder):
      "\(path) is one of several shards; give their folder, \(folder)"
    case .severalIndexes(let folder, let names):
      "\(folder) holds several indexes (\(Self.list(names))) and none is "
        + "model.safetensors.index.json; give the path of the one that is meant"
    case .severalWeights(let folder, let names):
      "\(folder) holds several sets of weights (\(Self.list(names))) and no index; "
        + "give the path of the file that is meant, or add the index"
    case .incompleteSet(let folder, let missing, let found):
      "\(folder) lacks \(missing): \(found) of its set are there and no index says otherwise; "
        + "fetch the missing file"
    case .emptyIndex(let path): "\(path) has no weight_map that names a file; fetch it again"
    case .leavesFolder(let file, let index):
      "\(index) names \(Self.quote(file)), which is no path inside its folder; "
        + "do not use this checkpoint"
    case .missingFile(let file, let index):
      "\(index) names \(Self.quote(file)), which is not there; fetch the missing file"
    case .missingTensor(let tensor, let file, let index):
      "\(index) names tensor \(Self.quote(tensor)) in \(Self.quote(file)), "
        + "but no file of the index holds it; fetch the checkpoint again"
    case .repeatedTensor(let tensor, let first, let second):
      "tensor \(Self.quote(tensor)) is in \(first) and again in \(second); "
        + "remove the file that does not belong to the checkpoint"
    case .adapter(let folder):
      "\(folder) is an adapter, not a base; give it as --adapter and the base's folder as --base"
    case .foreign(let path, let names, let format):
      names.isEmpty
        ? "\(path) is not read: \(format.advice)"
        : "\(path) holds \(Self.list(names)), not read: \(format.advice)"
    case .noWeights(let folder):
      "\(folder) holds no weights; a model.safetensors or an index with its shards is expected"
    case .pipeline(let folder, let parts):
      "\(folder) is a pipeline of several checkpoints; give one of its parts as --base"
        + (parts.isEmpty ? "" : ": \(parts.map { "\(folder)/\($0)" }.joined(separator: ", "))")
    case .deadLink(let path):
      "\(path) leads to nothing; fetch the file or remove the link"
    }
  }

  private static func quote(_ name: String) -> String { JSON.string(name).compact }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(4).joined(separator: ", ")
    return names.count > 4 ? "\(shown) and \(names.count - 4) more" : shown
  }
}
