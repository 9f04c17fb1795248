// From the modules of an adapter that was trained with transformers to the tensors of a .gguf base.
import Checkpoints
import GGUF

/// What one base calls the modules, and how it has changed them.
struct GGUFNames {
  private let architecture: GGUFArchitecture
  private let metadata: GGUFModel
  /// Also the beginning of the metadata's keys.
  let name: String

  /// nil for a kind of model whose names are not known.
  init?(_ metadata: GGUFModel) {
    guard let name = metadata["general.architecture"]?.text,
      let architecture = GGUFArchitecture.all[name]
    else { return nil }
    (self.architecture, self.metadata, self.name) = (architecture, metadata, name)
  }

  /// A module's path, taken apart.
  private struct Path {
    /// nil outside of all layers.
    var layer: Int?
    /// Inside of the layer, an expert's number cut out of it.
    var module: String
    var expert: Int?
  }

  /// What the base calls a module, and its number where it is one of several experts' there.
  func stem(of path: String) -> (name: String, expert: Int?)? {
    guard let path = take(path) else { return nil }
    guard let layer = path.layer else { return architecture.outer[path.module].map { ($0, nil) } }
    guard let own = architecture.layer[path.module] else { return nil }
    return ("blk.\(layer).\(own)", path.expert)
  }

  /// How the converter changed a module's parameter, as the end of a sentence; nil where it stands
  /// in the base as it was.
  func change(of path: String, parameter: String) -> String? {
    if let change = rowChange(of: path) { return change }
    guard let path = take(path) else { return nil }
    if architecture.shiftsNorms, path.module.hasSuffix("norm"), parameter == "weight" {
      return "adds 1 to it"
    }
    if architecture.transposes, parameter == "weight", path.layer != nil,
      !path.module.hasPrefix("ln_")
    {
      return "transposes it"
    }
    return nil
  }

  /// How the converter changed the order of a module's rows; nil where it did not.
  func rowChange(of path: String) -> String? {
    guard let path = take(path) else { return nil }
    if sorts(path) { return "sorts its rows anew" }
    return orders(path) ? "puts the rows of its heads in another order" : nil
  }

  /// True where a head's halves alternate in the base's rows of a module.
  func ordersHeads(_ path: String) -> Bool { take(path).map(orders) ?? false }

  private func orders(_ path: Path) -> Bool {
    architecture.ordersHeads && (isQuery(path) || isKey(path))
  }

  private func sorts(_ path: Path) -> Bool {
    if architecture.sortsRows.contains(path.module) { return true }
    // Images' positions are turned by halves, so vision models of this kind are turned back.
    // Source: Glm4Model.normal_to_neox.
    return name == "glm4" && metadata["glm4.rope.dimension_sections"] != nil
      && (isQuery(path) || isKey(path))
  }

  private func isQuery(_ path: Path) -> Bool { path.module == "self_attn.q_proj" }
  private func isKey(_ path: Path) -> Bool { path.module == "self_attn.k_proj" }

  /// The key that tells how many heads a module of queries or keys has.
  func headCountKey(_ path: String) -> String {
    let own = name + ".attention.head_count_kv"
    guard let path = take(path), isKey(path), metadata[own] != nil else {
      return name + ".attention.head_count"
    }
    return own
  }

  /// nil where the metadata has no one number.
  func headCount(_ path: String) -> Int? { metadata[headCountKey(path)]?.int }

  // MARK: Paths

  private func take(_ path: String) -> Path? {
    for prefix in Self.bodies where path.hasPrefix(prefix) {
      let rest = path.dropFirst(prefix.count)
      for layers in ["layers.", "h."] where rest.hasPrefix(layers) {
        let inside = rest.dropFirst(layers.count).split(
          separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard inside.count == 2, let layer = Int(inside[0]), layer >= 0 else { continue }
        return take(String(inside[1]), layer: layer)
      }
      if architecture.outer[String(rest)] != nil { return Path(module: String(rest)) }
    }
    return nil
  }

  private func take(_ module: String, layer: Int) -> Path {
    var segments = module.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard segments.count > 2, segments[segments.count - 3] == "experts",
      let expert = Int(segments[segments.count - 2]), expert >= 0
    else { return Path(layer: layer, module: module) }
    segments.remove(at: segments.count - 2)
    return Path(layer: layer, module: segments.joined(separator: "."), expert: expert)
  }

  /// What stands before the layers: the class's own name for its body, or nothing.
  private static let bodies = [
    "model.language_model.", "language_model.model.", "model.", "transformer.", "gpt_neox.",
    "language_model.", "",
  ]
}
