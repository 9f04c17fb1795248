// Finds the base tensor behind every module of one adapter, all or none, and turns the modules into
// steps. What the names mean is decided here; what the shapes say, in the files beside this one.
import Adapters
import Checkpoints
import Safetensors

/// What one adapter does, and what of it is left.
struct AdapterSteps {
  /// None where it has nothing to merge, or nothing is left of it.
  var steps: [Step]
  /// Tensors that no update reads, each with its reason.
  var setAside: [String]
  /// Paths of all its modules, those that are left out among them.
  var modules: [String]
}

/// One adapter against one base. A class, since every step holds on to it: of a large adapter there
/// are hundreds of thousands.
final class AdapterResolver {
  let adapter: Adapter
  /// Position among the run's adapters.
  let index: Int
  /// What the adapter as a whole is given; a module may have more or less of it.
  let adapterStrength: Double
  let selection: ModuleSelection
  let base: BaseModel
  /// How a .gguf base calls the modules of an adapter that was trained with transformers.
  let names: GGUFNames?
  let tie: EmbeddingTie?
  /// Index of the adapter's first file among the plan's inputs.
  let firstFile: Int
  let scale: (String) -> AdapterConfig.Scale

  init(
    _ adapter: Adapter, index: Int, strength: Double, selection: ModuleSelection, base: BaseModel,
    tie: EmbeddingTie?, firstFile: Int
  ) {
    self.adapter = adapter
    self.index = index
    adapterStrength = strength
    self.selection = selection
    self.base = base
    names = base.hasNames(of: adapter) ? nil : base.checkpoint.gguf.flatMap { GGUFNames($0) }
    self.tie = tie
    self.firstFile = firstFile
    scale = adapter.config.scales()
  }

  /// The adapter's steps, in the order in which they must be done on one tensor: whole tensors,
  /// low-rank updates, bias updates, rows.
  func steps() throws(PlanningError) -> AdapterSteps {
    try checkBase()
    let naming = try chooseNaming()
    let (stacked, plain) = splitModules(adapter.modules, naming)
    var steps: [Step] = []
    var setAside = adapter.setAside
    for whole in adapter.wholeTensors where !isExcluded(whole.module) {
      steps.append(try step(for: whole, naming))
    }
    let tied =
      adapter.config.ensuresWeightTying
      ? plain.first { locate($0.path, naming)?.description == tie?.embedding } : nil
    for module in plain {
      if let tied, locate(module.path, naming)?.description == tie?.head {
        try checkAlike(tied.path, module.path)
        if isExcluded(module.path) { continue }
        setAside += [module.a, module.b].map { "\($0.name): tied to the embedding's own pair" }
      } else if !isExcluded(module.path) {
        steps += try self.steps(for: module, naming, isTied: tied != nil)
      }
    }
    for group in stacked { steps += try self.steps(for: group, naming) }
    let largest = self.largest(naming)
    for module in adapter.families where !isExcluded(module.path) {
      steps += try self.steps(for: module, naming, largest: largest)
    }
    for rows in adapter.tokenRows where !isExcluded(rows.module) {
      steps.append(try step(for: rows, naming))
    }
    try checkTie(steps)
    let modules = self.modules(stacked, plain)
    return AdapterSteps(
      steps: steps, setAside: setAside + leftOut(modules), modules: modules.map(\.path))
  }

  /// The plan's name for a whole adapter tensor.
  func bytes(_ tensor: AdapterTensor) -> TensorBytes {
    TensorBytes(
      file: firstFile + tensor.file, offset: tensor.offset, dtype: tensor.dtype,
      elementCount: tensor.shape.reduce(1, *))
  }

  func lowRank(_ product: LowRankProduct, scale: Double) -> LowRank {
    LowRank(
      left: product.left.factor(file: firstFile + product.left.tensor.file),
      right: product.right.factor(file: firstFile + product.right.tensor.file),
      rank: product.rank, scale: scale)
  }

  // MARK: Names

  /// Pairs of one module that holds stacked or bare parameters, deepest (first registered) first.
  struct StackedModule {
    var path: String
    var parameters: [String]
    var modules: [AdapterModule]

    func path(of parameter: String) -> String { path + "." + parameter }
  }

  /// Separates modules whose pairs belong to parameters named by `target_parameters`.
  private func splitModules(
    _ modules: [AdapterModule], _ naming: Naming
  ) -> (stacked: [StackedModule], plain: [AdapterModule]) {
    if adapter.config.targetParameters.isEmpty { return ([], modules) }
    var plain: [AdapterModule] = []
    var groups: [String: [AdapterModule]] = [:]
    var order: [String] = []
    for module in modules {
      if parameters(of: module.path, naming).isEmpty {
        plain.append(module)
      } else {
        if groups[module.path] == nil { order.append(module.path) }
        groups[module.path, default: []].append(module)
      }
    }
    let stacked = order.map { path in
      StackedModule(
        path: path, parameters: parameters(of: path, naming),
        modules: groups[path]!.sorted { $0.depth > $1.depth })
    }
    return (stacked, plain)
  }

  /// Parameters of a module that `target_parameters` names, in the order in which transformers'
  /// expert classes register them. A bare name is meant for the modules that have such a parameter.
  func parameters(of module: String, _ naming: Naming) -> [String] {
    let named = adapter.config.targetParameters.compactMap { target -> String? in
      let parts = target.split(separator: ".")
      let owner = parts.dropLast().joined(separator: ".")
      guard let parameter = parts.last.map(String.init) else { return nil }
      if owner.isEmpty { return locate(module, parameter, naming) == nil ? nil : parameter }
      return module == owner || module.hasSuffix("." + owner) ? parameter : nil
    }
    let known = ["gate_up_proj", "gate_up_proj_bias", "up_proj", "down_proj", "down_proj_bias"]
    return Set(named).sorted { a, b in
      let (i, j) = (known.firstIndex(of: a) ?? known.count, known.firstIndex(of: b) ?? known.count)
      return (i, a) < (j, b)
    }
  }

  /// The one naming under which every module finds its weight; identity where that fits.
  private func chooseNaming() throws(PlanningError) -> Naming {
    let named = self.named
    /// What a naming makes of every name, or nil at the first that finds nothing.
    func targets(_ naming: Naming) -> [String]? {
      let (stacked, plain) = splitModules(named.modules, naming)
      var found: [String] = []
      for module in plain {
        guard let place = locate(module.path, naming) else { return nil }
        found.append(place.description)
      }
      for module in stacked {
        for parameter in module.parameters {
          guard let place = locate(module.path, parameter, naming) else { return nil }
          found.append(place.description)
        }
      }
      for module in named.families {
        guard let place = locate(module.path, naming) else { return nil }
        found.append(place.description)
      }
      for whole in named.wholeTensors where !whole.isDeclared {
        guard let name = locate(whole, naming) else { return nil }
        found.append(name)
      }
      for rows in named.tokenRows {
        guard let place = locate(rows.module, naming) else { return nil }
        found.append(place.description)
      }
      return found
    }
    if targets(.identity) != nil { return .identity }
    if base.isGGUF { throw unresolved() }
    var fit: (naming: Naming, targets: [String])?
    for naming in Naming.candidates {
      guard let found = targets(naming) else { continue }
      if let fit, fit.targets != found {
        let index = zip(fit.targets, found).enumerated().first { $0.element.0 != $0.element.1 }!
        throw .ambiguous(
          adapter: adapter.path,
          module: (named.modules.map(\.path) + named.families.map(\.path))
            .dropFirst(index.offset).first ?? found[index.offset],
          first: index.element.0, second: index.element.1)
      }
      fit = fit ?? (naming, found)
    }
    if let fit { return fit.naming }
    throw unresolved()
  }

  /// The refusal that names what found nothing under the names as they are.
  private func unresolved() -> PlanningError {
    let named = self.named
    let (stacked, plain) = splitModules(named.modules, .identity)
    var missing = plain.map(\.path).filter { locate($0, .identity) == nil }
    missing += stacked.filter { group in
      group.parameters.contains { locate(group.path, $0, .identity) == nil }
    }.map(\.path)
    missing += named.families.map(\.path).filter { locate($0, .identity) == nil }
    if missing.isEmpty,
      let whole = named.wholeTensors.first(where: {
        !$0.isDeclared && locate($0, .identity) == nil
      })
    {
      return .unannounced(
        adapter: adapter.path, tensor: whole.tensor.name,
        wanted: whole.module + "." + whole.parameter)
    }
    missing += named.tokenRows.map(\.module).filter { locate($0, .identity) == nil }
    let total =
      plain.count + stacked.count + named.families.count + named.tokenRows.count
    return .unresolved(
      adapter: adapter.path, modules: Array(missing.prefix(3)), count: missing.count, total: total,
      nearest: nearest(to: missing.first ?? ""))
  }

  /// Base names that end as the module does, for the refusal's hint.
  private func nearest(to module: String) -> [String] {
    let parts = (names?.stem(of: module)?.name ?? module).split(separator: ".")
    for length in [4, 3, 2, 1] where parts.count >= length {
      let tail = "." + parts.suffix(length).joined(separator: ".") + ".weight"
      let found = base.names.lazy.filter { ("." + $0).hasSuffix(tail) }
      let names = Array(found.prefix(3))
      if !names.isEmpty { return names }
    }
    return []
  }
}
