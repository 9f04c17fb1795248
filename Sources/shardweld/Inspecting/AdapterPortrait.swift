// An adapter as `inspect` shows it: its config as it stands, and its tensors module by module. What
// the tensors mean to a base is for `plan` to say.
import Adapters
import OrderedJSON
import Safetensors
import Storage
import TorchFiles

/// What is told of an adapter.
struct AdapterPortrait {
  let path: String
  let config: JSON
  /// Names of the weight files, relative to the folder.
  let files: [String]
  let tensors: [TensorEntry]
  let listsTensors: Bool

  /// Reads the config, where there is one, and the headers of an adapter's folder.
  static func read(
    _ path: String, listsTensors: Bool
  ) throws(CommandError) -> AdapterPortrait {
    let configPath = Path.join(path, "adapter_config.json")
    let hasConfig = try wrap(CommandError.storage) { () throws(StorageError) in
      try FileStatus.of(configPath) != nil
    }
    let config = hasConfig ? try json(configPath) : .object([])
    var files: [String]
    var tensors: [TensorEntry] = []
    do throws(StorageError) {
      files = try Folder.list(path).filter(isWeightFile)
    } catch {
      throw .storage(error)
    }
    // Where both are there, what torch saved is not read: a copy of the other, or an old one.
    let plain = files.filter { $0.hasSuffix(".safetensors") }
    if !plain.isEmpty { files = plain }
    for file in files {
      let header = try wrap(CommandError.adapter) { () throws(AdapterError) in
        try AdapterFolder.header(Path.join(path, file))
      }
      tensors += header.tensors
    }
    return AdapterPortrait(
      path: path, config: config, files: files, tensors: tensors, listsTensors: listsTensors)
  }

  private static func isWeightFile(_ name: String) -> Bool {
    (name.hasPrefix("adapter") || name.hasPrefix("pytorch_lora_weights"))
      && (name.hasSuffix(".safetensors") || TorchFile.isName(name))
  }

  private static func json(_ path: String) throws(CommandError) -> JSON {
    let bytes: [UInt8]
    do throws(StorageError) { bytes = try WholeFile.read(path, limit: 1 << 28) } catch {
      throw .storage(error)
    }
    do throws(JSONError) { return try JSON(parsing: bytes) } catch {
      throw .json(path: path, error)
    }
  }

  /// Who wrote the files, told as a merge tells it.
  var format: AdapterFormat { AdapterFormat.of(config, names: tensors.lazy.map(\.name)) }

  /// The method, as PEFT's config names it; of another format its name.
  var kind: String {
    format == .peft ? config["peft_type"]?.text ?? "unknown" : format.rawValue
  }

  /// The model it was trained on, where the config names one.
  var trainedOn: String? {
    (config["base_model_name_or_path"] ?? config["model"])?.text.flatMap { $0.isEmpty ? nil : $0 }
  }

  // MARK: Config

  /// mlx-lm writes all arguments of its training; these say what the adapter is.
  private static let told: Set<String> = ["fine_tune_type", "lora_parameters", "num_layers"]

  /// Members that say nothing of what the adapter does to weights: training alone, or other files.
  private static let silent: Set<String> = [
    "peft_type", "base_model_name_or_path", "auto_mapping", "inference_mode", "peft_version",
    "task_type", "revision", "lora_dropout", "init_lora_weights", "init_weights", "megatron_core",
    "qalora_group_size", "rank_dropout", "module_dropout",
  ]

  /// What is switched on, in the config's order.
  var settings: [JSON.Member] {
    if format == .mlx {
      return (config.members ?? []).filter { Self.told.contains($0.key) && $0.value.isOn }
    }
    return (config.members ?? []).filter {
      !Self.silent.contains($0.key) && $0.value.isOn && $0.value != .string("none")
    }
  }

  /// `name: value`, lists and objects as JSON without the outer quotes.
  static func text(_ value: JSON) -> String {
    switch value {
    case .string(let text): text
    case .array(let elements) where elements.allSatisfy({ $0.text != nil }):
      elements.compactMap(\.text).joined(separator: ", ")
    default: value.compact
    }
  }
}
