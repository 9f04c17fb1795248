// diffusers' files: one for a whole pipeline, a prefix for each part, and the parts' PEFT configs
// in the header, where they are kept at all:
//
//   pytorch_lora_weights.safetensors
//     __metadata__.lora_adapter_metadata   {"unet.r": 4, "unet.lora_alpha": 8, …}
//     unet.down_blocks.0.….to_q.lora_A.weight          (r, in)
//     text_encoder.text_model.….q_proj.lora_A.weight   (r, in)
//
// Without them alpha is what the module's `.alpha` tensor holds, or else the rank: scale 1.
// Source: diffusers `loaders/lora_base.py`, `utils/peft_utils.py`.
import OrderedJSON
import Safetensors

/// Reads one file of diffusers'.
struct DiffusersReader {
  private static let metadataKey = "lora_adapter_metadata"

  private let folder: AdapterFolder

  init(_ folder: AdapterFolder) { self.folder = folder }

  func adapter() throws(AdapterError) -> Adapter {
    let groups = try groups()
    let metadata = try metadata()
    var configs: [String: AdapterConfig] = [:]
    for component in Set(groups.keys.map(\.component)).sorted() {
      configs[component] = try config(of: component, metadata)
    }
    let modules = try groups.keys.sorted().map { key throws(AdapterError) in
      try module(key, groups[key]!, configs[key.component])
    }
    return Adapter(
      folder: folder, config: AdapterConfig(format: .diffusers, path: folder.path),
      modules: modules, families: [], wholeTensors: [], tokenRows: [], setAside: [])
  }

  // MARK: Modules

  private struct Key: Hashable, Comparable {
    var component: String
    var module: String

    static func < (a: Key, b: Key) -> Bool {
      (a.component, a.module) < (b.component, b.module)
    }
  }

  private func groups() throws(AdapterError) -> [Key: [DiffusersKey.Leaf: AdapterTensor]] {
    var groups: [Key: [DiffusersKey.Leaf: AdapterTensor]] = [:]
    for tensor in folder.tensors {
      guard let key = DiffusersKey(tensor.name) else {
        throw .unknownTensor(path: folder.path, tensor: tensor.name)
      }
      if key.leaf != .alpha { try tensor.check(path: folder.path) }
      let place = Key(component: key.component, module: key.module)
      if let other = groups[place, default: [:]].updateValue(tensor, forKey: key.leaf) {
        throw .twice(path: folder.path, first: other.name, second: tensor.name)
      }
    }
    return groups
  }

  private func module(
    _ key: Key, _ parts: [DiffusersKey.Leaf: AdapterTensor], _ config: AdapterConfig?
  ) throws(AdapterError) -> AdapterModule {
    let path = key.component + "." + key.module
    func part(_ leaf: DiffusersKey.Leaf, _ name: String) throws(AdapterError) -> AdapterTensor {
      guard let tensor = parts[leaf] else {
        throw .incomplete(
          path: folder.path, module: path, has: parts.values.map(\.name).min()!, lacks: name)
      }
      guard tensor.shape.count >= 2 else {
        throw .shape(
          path: folder.path, tensor: tensor.name,
          expected: "a matrix (or a convolution's kernel)", found: tensor.shape)
      }
      return tensor
    }
    let (a, b) = (try part(.a, "lora_A"), try part(.b, "lora_B"))
    var module = AdapterModule(
      path: key.module, depth: 0, isEmbedding: false, a: a, b: b, bias: parts[.bias],
      magnitude: parts[.magnitude], scalePath: key.module)
    module.component = key.component
    module.alpha = parts[.alpha]
    guard let config else {
      let alpha = try module.alpha.map { tensor throws(AdapterError) in try folder.alpha(tensor) }
      module.scale = AdapterConfig.Scale(alpha: alpha, rank: a.shape[0])
      return module
    }
    if let alpha = module.alpha {
      throw .switchedOn(
        path: folder.path, key: Self.metadataKey, value: "there",
        reason: "but tensor \"\(alpha.name)\" gives an alpha too; one of the two is wrong")
    }
    if config.usesDoRA, module.magnitude == nil {
      throw .incomplete(
        path: folder.path, module: path, has: "lora_A",
        lacks: "lora_magnitude_vector (use_dora is true)")
    }
    if !config.usesDoRA, let magnitude = module.magnitude {
      throw .switchedOn(
        path: config.path, key: key.component + ".use_dora", value: "false",
        reason: "but tensor \"\(magnitude.name)\" belongs to DoRA; one of the two is wrong")
    }
    module.scale = config.scales()(key.module)
    return module
  }

  // MARK: Metadata

  /// The header's configs, all parts' members side by side; nil where it has none.
  private func metadata() throws(AdapterError) -> [JSON.Member]? {
    guard let text = folder.files[0].metadata[Self.metadataKey] else { return nil }
    let json: JSON
    do { json = try JSON(parsing: Array(text.utf8)) } catch {
      throw .badConfig(path: folder.path + " (\(Self.metadataKey))", error)
    }
    guard let members = json.members else {
      throw .badMember(path: folder.path, key: Self.metadataKey, expected: "an object")
    }
    return members
  }

  /// A part's config, read as PEFT's are; nil where the header says nothing of the part.
  private func config(
    of component: String, _ metadata: [JSON.Member]?
  ) throws(AdapterError) -> AdapterConfig? {
    let prefix = component + "."
    var own: [JSON.Member] = []
    for member in metadata ?? [] where member.key.hasPrefix(prefix) {
      own.append(
        JSON.Member(key: String(member.key.dropFirst(prefix.count)), value: member.value))
    }
    if own.isEmpty { return nil }
    let kind = own.first { $0.key == "peft_type" }?.value.text?.uppercased() ?? "LORA"
    guard kind == "LORA" else { throw .family(path: folder.path, kind: kind) }
    own.removeAll { $0.key == "peft_type" }
    own.append(JSON.Member(key: "peft_type", value: .string(kind)))
    let config = try AdapterConfig(
      parsing: Array(JSON.object(own).compact.utf8),
      path: folder.path + " (\(Self.metadataKey), \(component))")
    guard config.family == nil else {
      throw .switchedOn(
        path: config.path, key: "init_lora_weights", value: "on",
        reason: "variants of LoRA are read from PEFT's own folders alone")
    }
    return config
  }
}
