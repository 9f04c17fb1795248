// Whether and how a base's weights are quantised, as its configs say (transformers'
// `quantizers/auto.py`; GPTQ's, AWQ's, ModelOpt's and MLX's own files).
//
//   {"quantization_config": {"quant_method": "gptq", "bits": 4, …}}      also inside text_config
//   {"quantization": {"group_size": 64, "bits": 4}}                      MLX
import OrderedJSON
import Storage

package enum Quantization {
  /// Files that only quantised bases have, with the method that is meant where they name none.
  static let files = [
    "quantize_config.json": "gptq", "quant_config.json": "awq",
    "hf_quant_config.json": "modelopt", "quantization_config.json": unnamed,
  ]

  /// Stands for a method that a config does not name.
  static let unnamed = "unknown"

  /// The method's name, nil for plain weights.
  static func method(config: JSON?, folder: String) throws(CheckpointError) -> String? {
    if let config, let method = method(in: config) { return method }
    for (name, usual) in files.sorted(by: { $0.key < $1.key }) {
      guard let (file, _) = try ConfigFile.read(Path.join(folder, name)) else { continue }
      return file["quant_method"]?.text ?? method(in: file) ?? usual
    }
    return nil
  }

  /// Looks at the top of a config first, then into every object below it, in order.
  static func method(in config: JSON) -> String? {
    for key in ["quantization_config", "compression_config"] {
      guard let section = config[key], section.members != nil, section.isOn else { continue }
      if let method = section["quant_method"]?.text, !method.isEmpty { return method }
      if section["load_in_4bit"]?.isOn == true || section["load_in_8bit"]?.isOn == true {
        return "bitsandbytes"
      }
      if key == "compression_config" { return "compressed-tensors" }
      return config["quantization"]?["bits"] == nil ? unnamed : "mlx"
    }
    if config["quantization"]?["bits"] != nil { return "mlx" }
    if config["quantization"]?["quant_algo"] != nil { return "modelopt" }
    for member in config.members ?? [] where member.value.members != nil {
      if let method = method(in: member.value) { return method }
    }
    return nil
  }

  /// The method that scaled the weights' columns and undid it in the layers before, so that only an
  /// adapter trained on these very weights fits: AWQ by the config, AWQ or SmoothQuant by the
  /// recipe that llm-compressor leaves beside the weights.
  static func hiddenScales(
    _ method: String?, folder: String
  ) throws(CheckpointError) -> String? {
    if method?.lowercased().hasPrefix("awq") == true { return "AWQ" }
    guard method != nil else { return nil }
    let path = Path.join(folder, recipe)
    let bytes = try checked { () throws(StorageError) -> [UInt8]? in
      try FileStatus.of(path) == nil ? nil : try WholeFile.read(path, limit: 1 << 24)
    }
    let text = String(decoding: bytes ?? [], as: UTF8.self)
    return ["AWQ", "SmoothQuant"].first { text.contains($0 + "Modifier") }
  }

  /// What llm-compressor did to the weights.
  package static let recipe = "recipe.yaml"
}
