// An adapter of a pipeline speaks of several checkpoints: the denoiser, text encoders. Which of its
// parts belong to this base is decided here, all of a part or nothing of it, by names and shapes.
// Names that lost their dots (`down_blocks_0_proj_in`) are mapped to the base's own on the way.
import Adapters
import Checkpoints
import OrderedJSON
import Safetensors
import Storage

/// One adapter's parts against one base.
struct ComponentChoice {
  let adapter: Adapter
  let base: BaseModel

  /// The adapter with the parts of this base alone, under the base's names; the tensors of others
  /// are set aside with their part's name. One that is no pipeline's comes back as it was.
  func chosen() throws(PlanningError) -> Adapter {
    let all = parts()
    guard hasFlatNames || all.contains(where: { $0.component != nil }) else { return adapter }
    let matcher = ComponentMatcher(adapter: adapter, base: base, hasFlatNames: hasFlatNames)
    let matches = try all.map { part throws(PlanningError) in try matcher.match(part) }
    var result = adapter
    (result.modules, result.families) = ([], [])
    var targets: [String: String] = [:]
    for (part, match) in zip(all, matches) {
      if isElsewhere(part, match, zip(all, matches)) {
        result.setAside += part.tensorNames(in: adapter).map {
          "\($0): of the \(part.component ?? ""), which is a checkpoint of its own"
        }
        continue
      }
      if let missing = match.missing.first {
        throw .component(
          adapter: adapter.path, component: part.component ?? "model", module: missing,
          count: match.missing.count, total: part.count)
      }
      for path in match.targets.values.flatMap({ $0.map(\.path) }) {
        if let other = targets.updateValue(part.component ?? "model", forKey: path),
          other != part.component ?? "model"
        {
          throw .twoComponents(
            adapter: adapter.path, first: other, second: part.component ?? "model", target: path)
        }
      }
      for module in part.modules.map({ adapter.modules[$0] }) {
        result.modules += match.targets[module.path]!.map { module.aimed(at: $0) }
      }
      for family in part.families.map({ adapter.families[$0] }) {
        for target in match.targets[family.path]! {
          result.families.append(try aimed(family, at: target))
        }
      }
    }
    guard !result.modules.isEmpty || !result.families.isEmpty else {
      throw .otherComponents(
        adapter: adapter.path, components: all.compactMap(\.component), base: base.checkpoint.path)
    }
    return result
  }

  /// A method's updates of one of its weights; of a part of a weight where they go row by row.
  private func aimed(
    _ family: FamilyUpdates, at target: ComponentMatcher.Target
  ) throws(PlanningError) -> FamilyUpdates {
    guard let cut = family.aimed(at: target) else {
      throw .uncut(adapter: adapter.path, module: family.path, target: target.path)
    }
    return cut
  }

  // MARK: Parts

  /// Modules of one part, by their places in the adapter's lists.
  struct Part {
    var component: String?
    var modules: [Int] = []
    var families: [Int] = []

    var count: Int { modules.count + families.count }
    var isTextEncoder: Bool { component?.hasPrefix("text_encoder") == true }

    func tensorNames(in adapter: Adapter) -> [String] {
      modules.flatMap { adapter.modules[$0].tensorNames }
        + families.flatMap { adapter.families[$0].tensorNames }
    }
  }

  private func parts() -> [Part] {
    var parts: [Part] = []
    func place(_ component: String?) -> Int {
      if let place = parts.firstIndex(where: { $0.component == component }) { return place }
      parts.append(Part(component: component))
      return parts.count - 1
    }
    for (index, module) in adapter.modules.enumerated() {
      parts[place(module.component)].modules.append(index)
    }
    for (index, family) in adapter.families.enumerated() {
      parts[place(family.component)].families.append(index)
    }
    return parts.sorted { $0.component ?? "" < $1.component ?? "" }
  }

  /// True where a part belongs to another checkpoint, and why that is sure: the base is of the
  /// other kind, its folder is named for another part, or it is another text encoder of the
  /// adapter that fits.
  private func isElsewhere(
    _ part: Part, _ match: ComponentMatcher.Match,
    _ others: some Sequence<(Part, ComponentMatcher.Match)>
  ) -> Bool {
    guard let component = part.component else { return false }
    if let own = base.pipelinePart, own != (part.isTextEncoder ? .textEncoder : .denoiser) {
      return true
    }
    if !hasFlatNames, let name = folderComponent { return name != component }
    return base.pipelinePart == .textEncoder && part.isTextEncoder && !match.fits
      && others.contains { $0.isTextEncoder && $0.component != component && $1.fits }
  }

  private var hasFlatNames: Bool { adapter.config.format == .kohya }

  /// The part that the base's folder is named for, as in a pipeline's folder.
  private var folderComponent: String? {
    let name = Path.name(base.checkpoint.path)
    let stem =
      name.split(separator: "_").last.map { Int($0) != nil } == true
      ? name.split(separator: "_").dropLast().joined(separator: "_") : name
    return ["unet", "transformer", "text_encoder"].contains(stem) ? name : nil
  }
}

extension BaseModel {
  /// What of a pipeline it is, where the config tells.
  enum PipelinePart { case denoiser, textEncoder, other }

  var pipelinePart: PipelinePart? {
    guard let name = checkpoint.config?["_class_name"]?.text else {
      return modelType == nil && architecture == nil ? nil : .textEncoder
    }
    let others = ["Autoencoder", "AsymmetricAutoencoder", "VQ", "ControlNet", "Consistency"]
    return others.contains { name.hasPrefix($0) } ? .other : .denoiser
  }
}
