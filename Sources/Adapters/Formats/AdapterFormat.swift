// Who wrote an adapter's files, told by what stands in them: names of tensors and members of the
// config, never the names of files. Each format but PEFT's is one reader in this folder, which
// turns foreign names into the values of `Adapter`.
package import OrderedJSON

/// A way to lay an adapter down in files.
package enum AdapterFormat: String, CaseIterable, Sendable {
  case peft = "PEFT"
  case mlx = "MLX"

  /// The format of a config and of tensors with these names.
  package static func of(_ config: JSON?, names: some Sequence<String>) -> AdapterFormat {
    if let config, config["peft_type"] == nil,
      config["fine_tune_type"] != nil || config["lora_parameters"] != nil
    {
      return .mlx
    }
    return .peft
  }
}

extension AdapterFolder {
  /// The config's value; a file that is no JSON is refused.
  func config() throws(AdapterError) -> JSON {
    do { return try JSON(parsing: configBytes) } catch { throw .badConfig(path: configPath, error) }
  }

  var configPath: String { path + "/adapter_config.json" }

  func format() throws(AdapterError) -> AdapterFormat {
    AdapterFormat.of(try config(), names: tensors.lazy.map(\.name))
  }
}
