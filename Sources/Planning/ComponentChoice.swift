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
    let modules = flatModules()
    let matches = try all.map { part throws(PlanningError) in try match(part, modules) }
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
      for path in match.paths.values {
        if let other = targets.updateValue(part.component ?? "model", forKey: path),
          other != part.component ?? "model"
        {
          throw .twoComponents(
            adapter: adapter.path, first: other, second: part.component ?? "model", target: path)
        }
      }
      for index in part.modules {
        var module = adapter.modules[index]
        module.path = match.paths[module.path]!
        result.modules.append(module)
      }
      for index in part.families {
        var family = adapter.families[index]
        family.path = match.paths[family.path]!
        result.families.append(family)
      }
    }
    guard !result.modules.isEmpty || !result.families.isEmpty else {
      throw .otherComponents(
        adapter: adapter.path, components: all.compactMap(\.component), base: base.checkpoint.path)
    }
    return result
  }

  // MARK: Parts

  /// Modules of one part, by their places in the adapter's lists.
  private struct Part {
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
    _ part: Part, _ match: Match, _ others: some Sequence<(Part, Match)>
  ) -> Bool {
    guard let component = part.component else { return false }
    if let own = base.pipelinePart, own != (part.isTextEncoder ? .textEncoder : .denoiser) {
      return true
    }
    if !hasFlatNames, let name = folderComponent { return name != component }
    return base.pipelinePart == .textEncoder && part.isTextEncoder && !match.fits
      && others.contains { $0.isTextEncoder && $0.component != component && $1.fits }
  }

  /// The part that the base's folder is named for, as in a pipeline's folder.
  private var folderComponent: String? {
    let name = Path.name(base.checkpoint.path)
    let stem =
      name.split(separator: "_").last.map { Int($0) != nil } == true
      ? name.split(separator: "_").dropLast().joined(separator: "_") : name
    return ["unet", "transformer", "text_encoder"].contains(stem) ? name : nil
  }

  // MARK: Names

  /// transformers 5 calls CLIP's text model by its own names, 4 by those below `text_model`: a base
  /// and an adapter may be of different ages.
  private enum Root: CaseIterable {
    case same, less, more

    func applied(to path: String, separator: String) -> String? {
      let root = "text_model" + separator
      switch self {
      case .same: return path
      case .less: return path.hasPrefix(root) ? String(path.dropFirst(root.count)) : nil
      case .more: return root + path
      }
    }
  }

  private var hasFlatNames: Bool { adapter.config.format == .kohya }

  /// How a part's modules lie in the base.
  private struct Match {
    /// The base's path of each module that was found.
    var paths: [String: String] = [:]
    var missing: [String] = []
    /// All were found and have the shapes of their updates.
    var fits = false
  }

  /// The base's modules by their names without dots.
  private func flatModules() -> [String: [String]] {
    guard hasFlatNames else { return [:] }
    var modules: [String: [String]] = [:]
    for tensor in base.checkpoint.tensors where tensor.name.hasSuffix(".weight") {
      let module = String(tensor.name.dropLast(7))
      modules[Self.flat(module), default: []].append(module)
    }
    return modules
  }

  private static func flat(_ path: String) -> String { path.replacing(".", with: "_") }

  /// Where checkpoints that hold a whole pipeline keep each part.
  private static func prefixes(of component: String?) -> [String] {
    switch component {
    case "unet", "transformer": ["", "model.diffusion_model."]
    case "text_encoder":
      [
        "", "cond_stage_model.transformer.", "conditioner.embedders.0.transformer.",
        "text_encoders.clip_l.transformer.",
      ]
    case "text_encoder_2": ["", "text_encoders.clip_g.transformer."]
    case "text_encoder_3": ["", "text_encoders.t5xxl.transformer."]
    default: [""]
    }
  }

  /// The best of a part's places: the one that leaves the fewest modules unfound.
  private func match(
    _ part: Part, _ modules: [String: [String]]
  ) throws(PlanningError) -> Match {
    var best: Match?
    for prefix in hasFlatNames ? Self.prefixes(of: part.component) : [""] {
      for root in part.isTextEncoder ? Root.allCases : [.same] {
        let match = try match(part, modules, prefix, root)
        if match.missing.count < best?.missing.count ?? .max { best = match }
      }
    }
    return best!
  }

  private func match(
    _ part: Part, _ modules: [String: [String]], _ prefix: String, _ root: Root
  ) throws(PlanningError) -> Match {
    var match = Match(fits: true)
    func find(_ path: String) throws(PlanningError) -> String? {
      if let found = match.paths[path] { return found }
      var found: [String] = []
      if let name = root.applied(to: path, separator: hasFlatNames ? "_" : ".") {
        found =
          hasFlatNames
          ? (modules[Self.flat(prefix) + name] ?? []).filter { $0.hasPrefix(prefix) }
          : base.tensor(name + ".weight") == nil ? [] : [name]
      }
      if found.count > 1 {
        throw .ambiguous(
          adapter: adapter.path, module: path, first: found[0], second: found[1])
      }
      match.paths[path] = found.first
      if found.isEmpty { match.missing.append(path) }
      return found.first
    }
    for index in part.modules {
      let module = adapter.modules[index]
      guard let path = try find(module.path) else { continue }
      let product = LowRankProduct(module)
      let shape = base.tensor(path + ".weight")!.shape
      match.fits =
        match.fits && shape.reduce(1, *) == product.rows * product.columns
        && (shape.first == product.rows || shape.last == product.rows)
    }
    for index in part.families {
      let family = adapter.families[index]
      guard let path = try find(family.path) else { continue }
      for update in family.updates {
        let shape = base.tensor(path + "." + update.target.rawValue)?.shape ?? []
        let weight = WeightShape(
          rows: shape.first ?? 1, columns: shape.dropFirst().reduce(1, *),
          kernel: Array(shape.dropFirst(2)))
        match.fits = match.fits && update.fits(weight)
      }
    }
    match.fits = match.fits && match.missing.isEmpty
    return match
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
