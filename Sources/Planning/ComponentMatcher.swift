// Finds the base's weights for the modules of one part of a pipeline. Names may have lost their
// dots (kohya's), may be those of the model's authors where the base has diffusers' (SDXL,
// Flux, SD3), and a text encoder's may or may not begin with `text_model`.
import Adapters
import Checkpoints
import Safetensors

struct ComponentMatcher {
  let adapter: Adapter
  let base: BaseModel
  let hasFlatNames: Bool
  /// The base's modules by their names without dots, where the adapter's have none.
  private let modules: [String: [String]]

  init(adapter: Adapter, base: BaseModel, hasFlatNames: Bool) {
    (self.adapter, self.base, self.hasFlatNames) = (adapter, base, hasFlatNames)
    var modules: [String: [String]] = [:]
    for tensor in base.checkpoint.tensors
    where hasFlatNames && tensor.name.hasSuffix(".weight") {
      let module = String(tensor.name.dropLast(7))
      modules[Self.flat(module), default: []].append(module)
    }
    self.modules = modules
  }

  /// A weight of the base that a module of the adapter changes.
  struct Target {
    var path: String
    /// The module's rows that are for it, and how many it has in all; nil where all are.
    var outputs: (rows: Range<Int>, count: Int)?
    /// The weight's rows that they are for; nil where they are for all.
    var rows: Range<Int>?
  }

  /// How a part's modules lie in the base.
  struct Match {
    /// The base's weights for each module that was found.
    var targets: [String: [Target]] = [:]
    var missing: [String] = []
    /// All were found and have the shapes of their updates.
    var fits = false
  }

  /// The best of a part's spellings: the one that leaves the fewest modules unfound.
  func match(_ part: ComponentChoice.Part) throws(PlanningError) -> Match {
    var best: Match?
    for spelling in spellings(of: part) {
      let match = try match(part, spelling)
      if match.missing.count < best?.missing.count ?? .max { best = match }
    }
    return best!
  }

  // MARK: Spellings

  private enum Spelling {
    /// Behind what a checkpoint of a whole pipeline puts before the part's names.
    case own(prefix: String)
    /// transformers 5 calls CLIP's text model by its own names, 4 by those below `text_model`: a
    /// base and an adapter may be of different ages.
    case withoutRoot(prefix: String)
    case withRoot(prefix: String)
    /// As the model's authors call what diffusers calls otherwise.
    case original
  }

  private func spellings(of part: ComponentChoice.Part) -> [Spelling] {
    let prefixes = hasFlatNames ? Self.prefixes(of: part.component) : [""]
    var spellings = prefixes.map { Spelling.own(prefix: $0) }
    if part.isTextEncoder {
      spellings += prefixes.flatMap { [.withoutRoot(prefix: $0), .withRoot(prefix: $0)] }
    } else if hasFlatNames, ["unet", "transformer"].contains(part.component) {
      spellings.append(.original)
    }
    return spellings
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

  /// The base's weights for a module of so many rows, where that is known; empty where it is not
  /// found.
  private func find(
    _ path: String, rows: Int?, _ spelling: Spelling
  ) throws(PlanningError) -> [Target] {
    let root = "text_model" + (hasFlatNames ? "_" : ".")
    switch spelling {
    case .own(let prefix): return try find(path, behind: prefix)
    case .withRoot(let prefix): return try find(root + path, behind: prefix)
    case .withoutRoot(let prefix):
      guard path.hasPrefix(root) else { return [] }
      return try find(String(path.dropFirst(root.count)), behind: prefix)
    case .original:
      if let name = LatentDiffusionNames(base: base)?.name(of: path) {
        return try find(name, behind: "")
      }
      return OriginalNames(base: base).targets(of: path, rows: rows)
    }
  }

  private func find(_ path: String, behind prefix: String) throws(PlanningError) -> [Target] {
    let found =
      hasFlatNames
      ? (modules[Self.flat(prefix) + path] ?? []).filter { $0.hasPrefix(prefix) }
      : base.tensor(path + ".weight") == nil ? [] : [path]
    if found.count > 1 {
      throw .ambiguous(adapter: adapter.path, module: path, first: found[0], second: found[1])
    }
    return found.map { Target(path: $0) }
  }

  // MARK: Shapes

  private func match(
    _ part: ComponentChoice.Part, _ spelling: Spelling
  ) throws(PlanningError) -> Match {
    var match = Match(fits: true)
    func take(_ path: String, rows: Int?) throws(PlanningError) -> [Target] {
      if let found = match.targets[path] { return found }
      let found = try find(path, rows: rows, spelling)
      if found.isEmpty { match.missing.append(path) } else { match.targets[path] = found }
      return found
    }
    for module in part.modules.map({ adapter.modules[$0] }) {
      for target in try take(module.path, rows: module.b.shape[0]) {
        let product = LowRankProduct(module.aimed(at: target))
        let shape = base.tensor(target.path + ".weight")!.shape
        let rows = target.rows?.count ?? shape[0]
        match.fits =
          match.fits && rows == product.rows
          && shape.dropFirst().reduce(1, *) == product.columns
      }
    }
    for family in part.families.map({ adapter.families[$0] }) {
      for target in try take(family.path, rows: nil) {
        for update in family.aimed(at: target)?.updates ?? [] {
          let shape = base.tensor(target.path + "." + update.target.rawValue)?.shape ?? []
          match.fits = match.fits && update.fits(WeightShape(shape))
        }
      }
    }
    match.fits = match.fits && match.missing.isEmpty
    return match
  }
}

extension AdapterModule {
  /// The module's share of a weight of the base.
  func aimed(at target: ComponentMatcher.Target) -> AdapterModule {
    var copy = self
    copy.path = target.path
    copy.rows = target.rows
    if let outputs = target.outputs {
      copy.b = b.rows(outputs.rows)
      if copy.rows != nil { copy.rowCount = outputs.count }
    }
    return copy
  }
}

extension FamilyUpdates {
  /// The updates of one of the base's weights; nil where they cannot be cut so.
  func aimed(at target: ComponentMatcher.Target) -> FamilyUpdates? {
    var copy = self
    copy.path = target.path
    guard let outputs = target.outputs else { return target.rows == nil ? copy : nil }
    guard target.rows == nil, updates.allSatisfy({ $0.rowsTogether == 1 }) else { return nil }
    copy.updates = updates.map { $0.rows(outputs.rows, of: outputs.count) }
    return copy
  }
}
