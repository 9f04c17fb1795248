// The list in a quantisation config of modules that are not quantised, for loaders of formats that
// have one. Names are added as whole paths, which all of them understand.
//
//   bitsandbytes        llm_int8_skip_modules     compressed-tensors  ignore
//   fp8, awq, mxfp4, …  modules_to_not_convert    hqq                 skip_modules
import Checkpoints
import OrderedJSON

struct SkipList {
  private let section: JSON
  private let path: [String]
  private let key: String
  /// Output heads that are plain.
  private let heads: [String]

  /// nil where the format's loaders have no such list, or nothing in the config says what it is.
  init?(_ checkpoint: Checkpoint) {
    guard let config = checkpoint.config, let found = Self.section(of: config, at: []),
      let method = checkpoint.quantization?.lowercased()
    else { return nil }
    section = found.section
    path = found.path
    let known = Set(EmbeddingTie.pairs.map { $0.head + ".weight" })
    heads = checkpoint.tensors.lazy.map(\.name).filter {
      known.contains($0) && checkpoint.quantized.owner(of: $0) == nil
    }.map { String($0.dropLast(".weight".count)) }
    switch method {
    case "bitsandbytes", "bitsandbytes_4bit", "bitsandbytes_8bit": key = "llm_int8_skip_modules"
    case "fp8":
      key = found.section["ignored_layers"] == nil ? "modules_to_not_convert" : "ignored_layers"
    case "awq", "fbgemm_fp8", "mxfp4": key = "modules_to_not_convert"
    case "compressed-tensors": key = "ignore"
    case "hqq": key = "skip_modules"
    default: return nil
    }
  }

  private static func section(
    of config: JSON, at path: [String]
  ) -> (section: JSON, path: [String])? {
    if let section = config["quantization_config"], section.members != nil {
      return (section, path + ["quantization_config"])
    }
    for member in config.members ?? [] where member.value.members != nil {
      if let found = section(of: member.value, at: path + [member.key]) { return found }
    }
    return nil
  }

  /// The change that adds the modules of these weights. A list that was absent begins with the
  /// head, which loaders leave out by themselves only where no list is given.
  func changes(adding weights: [QuantizedWeight]) -> [ConfigChange] {
    guard !weights.isEmpty else { return [] }
    var list = section[key]?.elements ?? heads.map(JSON.string)
    for weight in weights where !list.contains(.string(weight.module)) {
      list.append(.string(weight.module))
    }
    return [ConfigChange(path: path + [key], value: JSON.array(list).compact)]
  }
}
