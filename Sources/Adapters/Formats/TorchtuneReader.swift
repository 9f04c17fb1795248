// torchtune's own names, as its recipes save an adapter before they export it to PEFT's:
//
//   adapter_config.json   {"r": 8, "lora_alpha": 16, "target_modules": […], "peft_type": "LORA"}
//   layers.0.attn.q_proj.lora_a.weight   (r, in)
//   layers.0.attn.q_proj.lora_b.weight   (out, r)
//   layers.0.attn.q_proj.magnitude       (out)
//
// Rows of q_proj and k_proj lie in the order of Meta's rotary embeddings in some models; which, and
// how long a head is, only the base can say. Source: torchtune `models/convert_weights.py`,
// tune_to_peft_adapter_weights.
import OrderedJSON
import Safetensors

/// Reads torchtune's files.
struct TorchtuneReader {
  private let folder: AdapterFolder

  init(_ folder: AdapterFolder) { self.folder = folder }

  /// A tensor's place in a transformers model; nil where torchtune has no such name.
  static func key(_ name: String) -> (module: String, leaf: String)? {
    for leaf in ["lora_a.weight", "lora_b.weight", "magnitude"] where name.hasSuffix("." + leaf) {
      let module = name.dropLast(leaf.count + 1)
      if module == "output" { return ("lm_head", leaf) }
      let segments = module.split(separator: ".", omittingEmptySubsequences: false)
      guard segments.count == 4, segments[0] == "layers", Int(segments[1]) != nil,
        let own = modules[segments[2...].joined(separator: ".")]
      else { return nil }
      return ("model.layers.\(segments[1]).\(own)", leaf)
    }
    return nil
  }

  private static let modules = [
    "attn.q_proj": "self_attn.q_proj", "attn.k_proj": "self_attn.k_proj",
    "attn.v_proj": "self_attn.v_proj", "attn.output_proj": "self_attn.o_proj",
    "mlp.w1": "mlp.gate_proj", "mlp.w2": "mlp.down_proj", "mlp.w3": "mlp.up_proj",
  ]

  func adapter() throws(AdapterError) -> Adapter {
    let config = try folder.loraConfig()
    var parts: [String: [String: AdapterTensor]] = [:]
    for tensor in folder.tensors {
      guard let key = Self.key(tensor.name) else {
        throw .unknownTensor(path: folder.path, tensor: tensor.name)
      }
      try tensor.check(path: folder.path)
      parts[key.module, default: [:]][key.leaf] = tensor
    }
    let modules = try parts.keys.sorted().map { path throws(AdapterError) in
      try module(path, parts[path]!, config)
    }
    return Adapter(
      folder: folder, config: AdapterConfig(format: .torchtune, path: folder.configPath),
      modules: modules, families: [], wholeTensors: [], tokenRows: [], setAside: [])
  }

  private func module(
    _ path: String, _ parts: [String: AdapterTensor], _ config: AdapterConfig
  ) throws(AdapterError) -> AdapterModule {
    func part(_ leaf: String) throws(AdapterError) -> AdapterTensor {
      guard let tensor = parts[leaf] else {
        throw .incomplete(
          path: folder.path, module: path, has: parts.values.map(\.name).min()!, lacks: leaf)
      }
      guard tensor.shape.count == 2 else {
        throw .shape(
          path: folder.path, tensor: tensor.name, expected: "a matrix", found: tensor.shape)
      }
      return tensor
    }
    if config.usesDoRA, parts["magnitude"] == nil {
      throw .incomplete(
        path: folder.path, module: path, has: "lora_a.weight",
        lacks: "magnitude (use_dora is true)")
    }
    var module = AdapterModule(
      path: path, depth: 0, isEmbedding: false, a: try part("lora_a.weight"),
      b: try part("lora_b.weight"), magnitude: parts["magnitude"], scalePath: path)
    module.scale = config.scales()(path)
    module.isRotary = path.hasSuffix(".q_proj") || path.hasSuffix(".k_proj")
    return module
  }
}
