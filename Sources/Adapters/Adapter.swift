// An adapter as a list of what it brings: low-rank pairs by module, whole parameters, token rows.
// Files that PEFT did not write are read in `Formats`, into the same values.
// Names are still the adapter's own (the modules of the class it was trained on); finding the base
// tensors they mean is planning's task.
import OrderedJSON
package import Safetensors
import Storage

/// A module with a low-rank pair.
package struct AdapterModule: Equatable, Sendable {
  package var path: String
  /// Wrappers between module and pair: pairs of one module differ in it (stacked parameters).
  package var depth: Int
  package var isEmbedding: Bool
  package var a: AdapterTensor
  package var b: AdapterTensor
  package var bias: AdapterTensor?
  package var magnitude: AdapterTensor?
  /// What the config calls the module that has its rank and alpha.
  package var scalePath: String
  /// How often its update is added: twice for `out_proj` of multi-head attention, which PEFT up to
  /// 0.21 does in training too.
  package var repeats = 1
  /// A is (in, r) and B is (r, out): each the transpose of what PEFT stores.
  package var isTransposed = false
  /// A alone is the transpose of what PEFT stores.
  package var hasTransposedA = false
  /// B's rows may lie in the order of Meta's rotary embeddings; the base's kind decides.
  package var isRotary = false
  /// Where the file itself gives it, module by module; else the config does.
  package var scale: AdapterConfig.Scale?
  /// The tensor that `scale` was read from.
  package var alpha: AdapterTensor?
  /// The part of a pipeline that it belongs to, as diffusers names its folders.
  package var component: String?
  /// The weight's rows that it is for; nil where it is for all.
  package var rows: Range<Int>?
  /// How many rows the weight has, where the adapter tells.
  package var rowCount: Int?

  /// All that it reads.
  package var tensorNames: [String] {
    [a, b, bias, magnitude, alpha].compactMap { $0?.name }
  }

  /// Ranks of A and of B: the same number, unless the file is wrong.
  package var ranks: (a: Int, b: Int) {
    (a.shape[isTransposed || hasTransposedA ? 1 : 0], b.shape[isTransposed ? 0 : 1])
  }
}

/// A whole parameter that takes the base's place.
package struct WholeTensor: Equatable, Sendable {
  package var module: String
  /// `weight`, `bias` or what else the parameter is called.
  package var parameter: String
  package var tensor: AdapterTensor
  /// The module is named by modules_to_save, so the base may lack it.
  package var isDeclared: Bool
  /// Saved from below a wrapper: it comes before the module's low-rank update.
  package var isBaseLayer: Bool
}

/// Rows of an embedding that take the base's place.
package struct TokenRows: Equatable, Sendable {
  package var module: String
  package var rows: [Int]
  package var tensor: AdapterTensor
}

/// A module of a family other than LoRA, with its updates.
package struct FamilyUpdates: Sendable {
  package var path: String
  package var updates: [WeightUpdate]
  /// As a module's.
  package var component: String?

  /// All that they read.
  package var tensorNames: [String] { updates.flatMap(\.tensorNames) }
}

/// Everything one adapter folder brings.
package struct Adapter: Sendable {
  package let folder: AdapterFolder
  package let config: AdapterConfig
  package var modules: [AdapterModule]
  package var families: [FamilyUpdates]
  package let wholeTensors: [WholeTensor]
  package let tokenRows: [TokenRows]
  /// Tensors that no update reads, each with its reason.
  package var setAside: [String]

  package var files: [ShardHeader] { folder.files }
  package var path: String { folder.path }
}

extension Adapter {
  /// Opens an adapter's folder or its file and sorts its tensors; reads headers and the config, no
  /// weights.
  package static func open(_ path: String) throws(AdapterError) -> Adapter {
    let folder = try AdapterFolder.open(path)
    switch try folder.format() {
    case .peft: return try peft(folder)
    case .mlx: return try MLXReader(folder).adapter()
    case .kohya: return try KohyaReader(folder).adapter()
    case .diffusers: return try DiffusersReader(folder).adapter()
    case .torchtune: return try TorchtuneReader(folder).adapter()
    case .tinker: return try TinkerReader(folder).adapter()
    case .gguf: return try GGUFReader(folder).adapter()
    }
  }

  private static func peft(_ folder: AdapterFolder) throws(AdapterError) -> Adapter {
    let config = try AdapterConfig(parsing: folder.configBytes, path: folder.configPath)
    var sorter = AdapterSorter(path: folder.path, config: config)
    for tensor in folder.tensors { try sorter.take(tensor) }
    return try sorter.finish(folder)
  }
}
