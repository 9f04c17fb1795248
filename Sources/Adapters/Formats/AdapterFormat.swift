// Who wrote an adapter's files, told by what stands in them: names of tensors and members of the
// config, never the names of files; llama.cpp's by its container. Each format but PEFT's is one
// reader in this folder, which turns foreign names into the values of `Adapter`.
package import OrderedJSON

/// A way to lay an adapter down in files.
package enum AdapterFormat: String, CaseIterable, Sendable {
  case peft = "PEFT"
  case mlx = "MLX"
  case kohya = "KOHYA"
  case diffusers = "DIFFUSERS"
  case torchtune = "TORCHTUNE"
  case tinker = "TINKER"
  /// Told by its container.
  case gguf = "GGUF"

  /// The format of tensors with these names, and of a config, where there is one beside them.
  package static func of(_ config: JSON?, names: some Sequence<String>) -> AdapterFormat {
    if names.contains(where: TinkerReader.isOwn) { return .tinker }
    if names.contains(where: { $0.hasPrefix("base_model.") }) { return .peft }
    if names.contains(where: { name in
      KohyaReader.components.contains { name.hasPrefix($0.prefix) }
    }) {
      return .kohya
    }
    if let config, config["peft_type"] == nil,
      config["fine_tune_type"] != nil || config["lora_parameters"] != nil
    {
      return .mlx
    }
    if names.contains(where: { TorchtuneReader.key($0) != nil }) { return .torchtune }
    if config?["peft_type"] == nil, names.contains(where: { DiffusersKey($0)?.leaf == .a }) {
      return .diffusers
    }
    return .peft
  }
}

extension AdapterFolder {
  /// The config's value, nil without one; a file that is no JSON is refused.
  func config() throws(AdapterError) -> JSON? {
    guard hasConfig else { return nil }
    do { return try JSON(parsing: configBytes) } catch { throw .badConfig(path: configPath, error) }
  }

  /// PEFT's own where nothing says otherwise; without a config that is nothing to go by.
  func format() throws(AdapterError) -> AdapterFormat {
    if gguf != nil { return .gguf }
    if let foreign = ForeignFiles(tensors: tensorNames) { throw foreign.refusal(of: path) }
    let config = try config()
    let format = AdapterFormat.of(config, names: tensorNames)
    guard format == .peft, config == nil else { return format }
    guard tensorNames.contains(where: { $0.hasPrefix("base_model.") }) else {
      throw .unknownFormat(path: path, tensor: tensorNames.min() ?? "")
    }
    throw .noConfig(path: path)
  }
}

extension AdapterFolder {
  /// A config of another library's beside its files, read as PEFT's is: alpha is nowhere else.
  func loraConfig() throws(AdapterError) -> AdapterConfig {
    guard let json = try config(), var members = json.members else { throw .noScale(path: path) }
    if json["peft_type"] == nil {
      members.append(JSON.Member(key: "peft_type", value: .string("LORA")))
    }
    let config = try AdapterConfig(
      parsing: Array(JSON.object(members).compact.utf8), path: configPath)
    guard config.kind == "LORA", config.family == nil else {
      throw .family(path: configPath, kind: config.kind)
    }
    return config
  }
}
