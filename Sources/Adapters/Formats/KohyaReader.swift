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
    ("lora_te_", "text_encoder"), ("oft_unet_", "unet"), ("lycoris_", nil),
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
      if !KohyaGroup.scalars.contains(leaf) { try tensor.check(path: folder.path) }
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
        component: component, clampsRotations: prefix == "oft_unet_", tensors: tensors)
      if let module = try group.takePair() { modules.append(module) }
      if let updates = try group.takeUpdates() { families.append(updates) }
      try group.checkEmpty()
    }
    return Adapter(
      folder: folder, config: config, modules: modules, families: families, wholeTensors: [],
      tokenRows: [], setAside: [])
  }
}
