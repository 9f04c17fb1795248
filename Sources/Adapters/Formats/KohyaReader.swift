// Files of kohya's sd-scripts and of LyCORIS: one file without a config, a module's path with its
// dots turned into underscores, behind a prefix for the part of the pipeline.
//
//   lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight   (r, in[, kernel])
//   lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight     (out, r[, 1, 1])
//   lora_unet_down_blocks_0_attentions_0_proj_in.alpha              ()
//   lora_te1_text_model_encoder_layers_0_mlp_fc1.hada_w1_a          …
//
// Which underscores were dots only the base can say: planning maps the names. Scale is alpha/rank,
// 1 without an alpha. Source: sd-scripts `networks/lora.py`, LyCORIS `modules/`.
import Safetensors

/// Reads one file of kohya's kind.
struct KohyaReader {
  /// What begins a name, and the part of a pipeline it means; longer ones first where one begins
  /// another. LyCORIS names models that are no pipelines with its own.
  static let components: [(prefix: String, component: String?)] = [
    ("lora_unet_", "unet"), ("lora_transformer_", "transformer"), ("lora_te1_", "text_encoder"),
    ("lora_te2_", "text_encoder_2"), ("lora_te3_", "text_encoder_3"),
    ("lora_te_", "text_encoder"), ("lycoris_", nil),
  ]

  private let folder: AdapterFolder
  private let config: AdapterConfig

  init(_ folder: AdapterFolder) {
    self.folder = folder
    config = AdapterConfig(format: .kohya, path: folder.path)
  }

  func adapter() throws(AdapterError) -> Adapter {
    var groups: [String: [String: AdapterTensor]] = [:]
    for tensor in folder.tensors {
      guard let dot = tensor.name.firstIndex(of: ".") else {
        throw .unknownTensor(path: folder.path, tensor: tensor.name)
      }
      let leaf = String(tensor.name[tensor.name.index(after: dot)...])
      if leaf != "alpha" { try tensor.check(path: folder.path) }
      groups[String(tensor.name[..<dot]), default: [:]][leaf] = tensor
    }
    var modules: [AdapterModule] = []
    var families: [FamilyUpdates] = []
    for name in groups.keys.sorted() {
      let tensors = groups[name]!
      guard let (prefix, component) = Self.components.first(where: { name.hasPrefix($0.prefix) })
      else { throw .unknownTensor(path: folder.path, tensor: tensors.values.map(\.name).min()!) }
      var group = KohyaGroup(
        folder: folder, config: config, path: String(name.dropFirst(prefix.count)),
        component: component, tensors: tensors)
      if let module = try group.takePair() { modules.append(module) }
      if let updates = try group.takeUpdates() { families.append(updates) }
      try group.checkEmpty()
    }
    return Adapter(
      folder: folder, config: config, modules: modules, families: families, wholeTensors: [],
      tokenRows: [], setAside: [])
  }
}

/// The tensors of one module, until each has found its use.
private struct KohyaGroup {
  let folder: AdapterFolder
  let config: AdapterConfig
  let path: String
  let component: String?
  var tensors: [String: AdapterTensor]
  private var alphaTensor: AdapterTensor?

  init(
    folder: AdapterFolder, config: AdapterConfig, path: String, component: String?,
    tensors: [String: AdapterTensor]
  ) {
    (self.folder, self.config, self.path) = (folder, config, path)
    (self.component, self.tensors) = (component, tensors)
    alphaTensor = self.tensors.removeValue(forKey: "alpha")
  }

  /// The low-rank pair, where there is one.
  mutating func takePair() throws(AdapterError) -> AdapterModule? {
    let (down, up) = ("lora_down.weight", "lora_up.weight")
    guard tensors[down] != nil || tensors[up] != nil else { return nil }
    func part(_ leaf: String, _ other: String) throws(AdapterError) -> AdapterTensor {
      guard let tensor = tensors[leaf] else {
        throw .incomplete(path: folder.path, module: path, has: other, lacks: leaf)
      }
      guard tensor.shape.count >= 2 else {
        throw .shape(
          path: folder.path, tensor: tensor.name,
          expected: "a matrix (or a convolution's kernel)", found: tensor.shape)
      }
      return tensor
    }
    let (a, b) = (try part(down, up), try part(up, down))
    (tensors[down], tensors[up]) = (nil, nil)
    var module = AdapterModule(
      path: path, depth: 0, isEmbedding: false, a: a, b: b, scalePath: path)
    module.scale = AdapterConfig.Scale(alpha: try alpha(), rank: a.shape[0])
    module.alpha = takeAlpha()
    module.component = component
    return module
  }

  /// What LyCORIS does beside, where there is any of it.
  mutating func takeUpdates() throws(AdapterError) -> FamilyUpdates? {
    var updates: [WeightUpdate] = []
    for family in [Family.loHa, .loKr] {
      let own = tensors.filter { family.leaves.contains($0.key) }
      guard !own.isEmpty else { continue }
      let module = FamilyModule(
        path: path, config: config, scale: try scale(of: own), tensors: own, shared: [:])
      updates += try family.updates(module)
      for leaf in own.keys { tensors[leaf] = nil }
    }
    if !updates.isEmpty { updates[0].alpha = takeAlpha() }
    // PEFT's way with kernels of one dimension is not LyCORIS's.
    for index in updates.indices { updates[index].numbers["taps"] = nil }
    for (leaf, target) in [
      ("diff", WeightUpdate.Target.weight), ("diff_b", .bias), ("w_norm", .weight),
      ("b_norm", .bias),
    ] {
      guard let value = tensors.removeValue(forKey: leaf) else { continue }
      updates.append(difference(leaf, value, target))
    }
    return updates.isEmpty
      ? nil : FamilyUpdates(path: path, updates: updates, component: component)
  }

  /// Refuses what nothing has taken.
  func checkEmpty() throws(AdapterError) {
    let left = Array(tensors.values) + (alphaTensor.map { [$0] } ?? [])
    if let name = left.map(\.name).min() {
      throw .unknownTensor(path: folder.path, tensor: name)
    }
  }

  private func alpha() throws(AdapterError) -> Double? {
    guard let alphaTensor else { return nil }
    return try folder.alpha(alphaTensor)
  }

  private mutating func takeAlpha() -> AdapterTensor? {
    defer { alphaTensor = nil }
    return alphaTensor
  }

  /// The rank is that of whichever side is a product; two whole matrices have none and scale 1,
  /// unlike in PEFT. Source: LyCORIS `modules/loha.py`, `lokr.py`.
  private func scale(
    of own: [String: AdapterTensor]
  ) throws(AdapterError) -> AdapterConfig.Scale {
    let alpha = try alpha()
    for leaf in ["hada_w1_b", "lokr_w1_b", "lokr_w2_b"] {
      guard let rank = own[leaf]?.shape.first else { continue }
      return AdapterConfig.Scale(alpha: alpha, rank: rank)
    }
    return AdapterConfig.Scale(
      rank: 1, alpha: 1, value: 1, origin: "whole matrices, scale 1", rankOrigin: "its tensors")
  }

  /// W ← W + value, in the base's own shape.
  private func difference(
    _ leaf: String, _ value: AdapterTensor, _ target: WeightUpdate.Target
  ) -> WeightUpdate {
    let rows = value.shape.first ?? 1
    let columns = value.shape.dropFirst().reduce(1, *)
    let kernel = Array(value.shape.dropFirst(2))
    var update = WeightUpdate(
      "addition", [("value", value)], origin: "whole difference (\(leaf))",
      expected: "\(rows) × \(columns)"
    ) { $0.rows == rows && $0.columns == columns && $0.kernel == kernel }
    update.target = target
    update.needsTarget = true
    update.isStored = true
    return update
  }
}
