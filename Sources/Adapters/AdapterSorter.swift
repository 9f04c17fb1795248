// Sorts an adapter's tensors by what they are and checks that each group is whole.
import Safetensors

/// Collects tensors one by one; `finish` refuses halves and gives the adapter.
struct AdapterSorter {
  private struct Slot: Hashable {
    var module: String
    var depth: Int
  }

  /// A module's tensors: a handful, so that looking through them is faster than a dictionary.
  private struct Group {
    var slot: Slot
    var parts: [(name: String, tensor: AdapterTensor)] = []
    var isBelowAttention = false

    subscript(name: String) -> AdapterTensor? { parts.first { $0.name == name }?.tensor }
  }

  let path: String
  let config: AdapterConfig
  private var groups: [Group] = []
  private var places: [Slot: Int] = [:]
  /// Of a family other than LoRA: each module's tensors by leaf, and those of all modules.
  private var families: [String: [String: AdapterTensor]] = [:]
  private var familyOrder: [String] = []
  private var shared: [String: AdapterTensor] = [:]
  private var wholes: [String: WholeTensor] = [:]
  private var copies: [(String, WholeTensor)] = []
  private var rows: [TokenRows] = []
  private var setAside: [String] = []

  init(path: String, config: AdapterConfig) {
    self.path = path
    self.config = config
  }

  /// Places one tensor; a name that fits no rule is refused.
  mutating func take(_ tensor: AdapterTensor) throws(AdapterError) {
    if let part = config.family?.part(tensor.name) { return try put(tensor, part) }
    guard let key = TensorKey(tensor.name), config.family?.takesOnly(key.leaf) != false else {
      throw .unknownTensor(path: path, tensor: tensor.name)
    }
    if key.leaf != .original, key.leaf != .helper { try tensor.check(path: path) }
    switch key.leaf {
    case .loraA: try put(tensor, "lora_A", key)
    case .loraB: try put(tensor, "lora_B", key)
    case .loraBias: try put(tensor, "lora_B.bias", key)
    case .embeddingA: try put(tensor, "lora_embedding_A", key)
    case .embeddingB: try put(tensor, "lora_embedding_B", key)
    case .magnitude: try put(tensor, "lora_magnitude_vector", key)
    case .tokenRows:
      rows.append(TokenRows(module: key.module, rows: [], tensor: tensor))
    case .whole(let parameter):
      let whole = self.whole(key, parameter, tensor)
      let name = key.module + "." + parameter
      if let other = wholes[name] {
        throw .twice(path: path, first: other.tensor.name, second: tensor.name)
      }
      wholes[name] = whole
    case .wholeCopy(let parameter):
      copies.append((key.module + "." + parameter, whole(key, parameter, tensor)))
    case .original:
      setAside.append("\(tensor.name): the module as it was before training")
    case .helper: setAside.append("\(tensor.name): for training alone")
    }
  }

  /// The adapter, once every group is whole.
  mutating func finish(_ folder: AdapterFolder) throws(AdapterError) -> Adapter {
    for (name, copy) in copies {
      if wholes[name] != nil {
        setAside.append("\(copy.tensor.name): a second copy of \(name)")
      } else {
        wholes[name] = copy
      }
    }
    var modules: [AdapterModule] = []
    modules.reserveCapacity(groups.count)
    for group in groups { modules.append(try module(group)) }
    var families: [FamilyUpdates] = []
    if let lacking = config.family?.lacking, familyOrder.isEmpty, !shared.isEmpty {
      throw .switchedOn(
        path: config.path, key: lacking.key, value: lacking.value, reason: lacking.reason)
    }
    let scales = config.scales()
    for path in familyOrder {
      let module = FamilyModule(
        path: path, config: config, scale: scales(path), tensors: self.families[path]!,
        shared: shared,
        siblings: familyOrder.count)
      families.append(FamilyUpdates(path: path, updates: try config.family!.updates(module)))
    }
    try checkShared(families)
    let rows = try self.rows.map { rows throws(AdapterError) in try withIndices(rows) }
    return Adapter(
      folder: folder, config: config, modules: modules, families: families,
      wholeTensors: wholes.keys.sorted().map { wholes[$0]! }, tokenRows: rows, setAside: setAside)
  }

  // MARK: Pieces

  private func whole(
    _ key: TensorKey, _ parameter: String, _ tensor: AdapterTensor
  ) -> WholeTensor {
    let dotted = "." + key.module + "."
    let declared = config.modulesToSave.contains { dotted.contains("." + $0 + ".") }
    return WholeTensor(
      module: key.module, parameter: parameter, tensor: tensor, isDeclared: declared,
      isBaseLayer: key.depth > 0)
  }

  private mutating func put(
    _ tensor: AdapterTensor, _ part: Family.Part
  ) throws(AdapterError) {
    guard !tensor.shape.contains(0) else { throw .emptyTensor(path: path, tensor: tensor.name) }
    let earlier: AdapterTensor?
    if case .module(_, let leaf) = part, config.family!.spare.contains(leaf) {
      setAside.append("\(tensor.name): said elsewhere in the file")
      return
    }
    switch part {
    case .shared(let name): earlier = shared.updateValue(tensor, forKey: name)
    case .module(let module, let leaf):
      if families[module] == nil { familyOrder.append(module) }
      earlier = families[module, default: [:]].updateValue(tensor, forKey: leaf)
    }
    if let earlier { throw .twice(path: path, first: earlier.name, second: tensor.name) }
  }

  /// Every tensor of a family must be read by an update; one that none reads is refused.
  private func checkShared(_ families: [FamilyUpdates]) throws(AdapterError) {
    let read = Set(families.flatMap { $0.updates.flatMap { $0.operands.map(\.tensor.name) } })
    let all = Array(shared.values) + self.families.values.flatMap(\.values)
    if let unread = all.map(\.name).filter({ !read.contains($0) }).min() {
      throw .unknownTensor(path: path, tensor: unread)
    }
  }

  private mutating func put(
    _ tensor: AdapterTensor, _ part: String, _ key: TensorKey
  ) throws(AdapterError) {
    let slot = Slot(module: key.module, depth: key.depth)
    let place = place(slot)
    if let other = groups[place][part] {
      throw .twice(path: path, first: other.name, second: tensor.name)
    }
    groups[place].parts.append((part, tensor))
    groups[place].isBelowAttention = key.isBelowAttention
  }

  /// Where a slot's group is. Writers sort by name, so that it is mostly the last one.
  private mutating func place(_ slot: Slot) -> Int {
    if groups.last?.slot == slot { return groups.count - 1 }
    if let place = places[slot] { return place }
    places[slot] = groups.count
    groups.append(Group(slot: slot))
    return groups.count - 1
  }

  private func module(_ parts: Group) throws(AdapterError) -> AdapterModule {
    let slot = parts.slot
    let isEmbedding = parts["lora_embedding_A"] != nil || parts["lora_embedding_B"] != nil
    let (aName, bName) =
      isEmbedding ? ("lora_embedding_A", "lora_embedding_B") : ("lora_A", "lora_B")
    func lacking(_ has: String, _ lacks: String) -> AdapterError {
      .incomplete(path: path, module: slot.module, has: has, lacks: lacks)
    }
    guard let a = parts[aName] else { throw lacking(parts.parts.map(\.name).min()!, aName) }
    guard let b = parts[bName] else { throw lacking(aName, bName) }
    if isEmbedding, parts["lora_A"] != nil || parts["lora_B"] != nil {
      throw .twice(path: path, first: a.name, second: (parts["lora_A"] ?? parts["lora_B"])!.name)
    }
    for tensor in [a, b] where tensor.shape.count < 2 {
      throw .shape(
        path: path, tensor: tensor.name, expected: "a matrix (or a convolution's kernel)",
        found: tensor.shape)
    }
    let magnitude = parts["lora_magnitude_vector"]
    let isBelow = parts.isBelowAttention
    if config.usesDoRA, magnitude == nil {
      throw lacking("lora_A", "lora_magnitude_vector (use_dora is true)")
    }
    if !config.usesDoRA, let magnitude {
      throw .switchedOn(
        path: config.path, key: "use_dora", value: "false",
        reason: "but tensor \"\(magnitude.name)\" belongs to DoRA; one of the two is wrong")
    }
    return AdapterModule(
      path: slot.module, depth: slot.depth, isEmbedding: isEmbedding, a: a, b: b,
      bias: parts["lora_B.bias"], magnitude: magnitude,
      scalePath: isBelow ? String(slot.module.dropLast(".out_proj".count)) : slot.module,
      repeats: isBelow && config.isBefore(0, 22) ? 2 : 1)
  }

  /// Token rows with the indices that the config lists for their module.
  private func withIndices(_ rows: TokenRows) throws(AdapterError) -> TokenRows {
    let lists = config.tokenRows.filter { entry in
      guard let module = entry.module else { return true }
      return rows.module == module || rows.module.hasSuffix("." + module)
    }
    guard lists.count == 1 else {
      throw .badMember(
        path: config.path, key: "trainable_token_indices",
        expected: "exactly one list of rows for \"\(rows.module)\"")
    }
    let indices = lists[0].rows
    let shape = rows.tensor.shape
    guard shape.count == 2, shape[0] == indices.count, Set(indices).count == indices.count else {
      throw .shape(
        path: path, tensor: rows.tensor.name,
        expected: "one row for each of \(indices.count) different token numbers", found: shape)
    }
    return TokenRows(module: rows.module, rows: indices, tensor: rows.tensor)
  }
}
