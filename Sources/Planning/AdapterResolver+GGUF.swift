// A .gguf base: adapters of llama.cpp's own, which name its tensors, and adapters that were trained
// with transformers, whose modules the converter has renamed and partly changed.
import Adapters
import Checkpoints
import GGUF
import Safetensors

extension AdapterResolver {
  /// Refuses an adapter that is not for this base, or of which parts have no name there.
  func checkBase() throws(PlanningError) {
    guard let model = base.checkpoint.gguf else {
      if adapter.config.format == .gguf { throw .needsGGUFBase(adapter: adapter.path) }
      return
    }
    let name = model["general.architecture"]?.text
    if base.hasNames(of: adapter) {
      if let own = adapter.config.architecture, let name, own != name {
        throw .architecture(adapter: adapter.path, expected: own, base: name)
      }
      return
    }
    guard adapter.config.layerReplication.isEmpty else {
      throw .replication(
        adapter: adapter.path, problem: "a .gguf base says itself how many layers it has")
    }
    guard let names else {
      throw .unknownArchitecture(adapter: adapter.path, architecture: name)
    }
    try checkNames(names)
  }

  /// Refuses modules that have no name in the base's kind of file.
  private func checkNames(_ names: GGUFNames) throws(PlanningError) {
    let named = self.named
    let single = named.modules.map(\.path).filter { parameters(of: $0, .identity).isEmpty }
    let others =
      named.families.map(\.path) + named.wholeTensors.map(\.module)
      + named.tokenRows.map(\.module)
    if let path = (single + others).first(where: { names.stem(of: $0) == nil }) {
      throw .unnamed(adapter: adapter.path, module: path, architecture: names.name)
    }
    if let whole = named.wholeTensors.first(where: { locate($0, .identity) == nil }) {
      throw .unresolved(
        adapter: adapter.path, modules: [whole.module], count: 1, total: named.wholeTensors.count,
        nearest: [])
    }
  }

  /// Refuses what changes one side of a table that the base has once for both.
  func checkTie(_ steps: [Step]) throws(PlanningError) {
    guard base.isGGUF, let tie, tie.isBroken(by: steps) else { return }
    throw .sharedTable(adapter: adapter.path, target: tie.embedding)
  }

  /// Refuses to put a parameter in the place of one that the converter has changed.
  func checkUnchanged(_ whole: WholeTensor, _ target: String) throws(PlanningError) {
    guard let change = names?.change(of: whole.module, parameter: whole.parameter) else { return }
    throw .converted(
      adapter: adapter.path, module: whole.module, target: target, change: change)
  }

  /// Refuses what would need its rows, or a bias's elements, in another order than they have.
  func checkRows(of path: String, _ target: String) throws(PlanningError) {
    guard let change = names?.rowChange(of: path) else { return }
    throw .converted(adapter: adapter.path, module: path, target: target, change: change)
  }

  /// How many rows each head has whose halves alternate in the base and follow each other in a
  /// module's pair; 0 where the pair's rows lie as the base's do.
  func alternatingRows(
    _ module: AdapterModule, _ product: LowRankProduct, _ target: String
  ) throws(PlanningError) -> Int {
    guard let names else { return 0 }
    guard names.ordersHeads(module.path) else {
      try checkRows(of: module.path, target)
      if module.isRotary, !["qwen2", "qwen3"].contains(names.name) {
        throw .headOrder(adapter: adapter.path, module: module.path, model: names.name)
      }
      return 0
    }
    // torchtune's rows lie as Meta's do, and so do the base's.
    if module.isRotary { return 0 }
    guard let heads = names.headCount(module.path), heads > 0, product.rows % heads == 0,
      product.rows / heads % 2 == 0
    else {
      throw .headCount(
        adapter: adapter.path, module: module.path, target: target,
        key: names.headCountKey(module.path), rows: product.rows)
    }
    return product.rows / heads
  }
}

extension BaseModel {
  /// True where an adapter's modules bear the names of a .gguf base's tensors: as all of
  /// llama.cpp's own do, and none that was trained with transformers.
  func hasNames(of adapter: Adapter) -> Bool {
    guard isGGUF else { return false }
    if adapter.config.format == .gguf { return true }
    let paths =
      adapter.modules.map(\.path) + adapter.families.map(\.path)
      + adapter.wholeTensors.map(\.module) + adapter.tokenRows.map(\.module)
    return paths.contains { tensor($0 + ".weight") != nil }
  }
}

// MARK: Places

extension GGUFNames {
  /// The weight of a module.
  func place(of path: String, _ base: BaseModel) -> Place? {
    guard let (stem, expert) = stem(of: path) else { return nil }
    let name = stem + ".weight"
    guard let tensor = base.tensor(name) else { return nil }
    guard let expert else { return .tensor(name) }
    guard tensor.shape.count == 3, expert < tensor.shape[0] else { return nil }
    return .stacked(tensor: name, expert: expert)
  }

  /// A parameter of a module: of stacked experts gate and up lie apart.
  func place(of path: String, _ parameter: String, _ base: BaseModel) -> Place? {
    if let (stem, _) = stem(of: path), base.tensor(stem + "." + parameter) != nil {
      return .tensor(stem + "." + parameter)
    }
    let parts: [(part: Place.Part, name: String)] =
      switch parameter {
      case "gate_up_proj": [(.gate, "gate_proj"), (.up, "up_proj")]
      case "down_proj": [(.down, "down_proj")]
      default: []
      }
    var found: [(part: Place.Part, names: [String])] = []
    for (part, name) in parts {
      guard let (stem, _) = stem(of: path + "." + name), let tensor = base.tensor(stem + ".weight"),
        tensor.shape.count == 3
      else { return nil }
      found.append((part, Array(repeating: tensor.name, count: tensor.shape[0])))
    }
    guard let first = found.first?.names.first else { return nil }
    return found.count == 1
      ? .tensor(first) : .experts(container: path + "." + parameter, parts: found)
  }
}
