// What a base's configs say of how it is quantised. Tensors decide what a weight is; a config gives
// only what they do not hold: bits, group sizes, the convention of zero points, blocks.
//
//   {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128, …}}
import NameExpressions
import OrderedJSON
import Safetensors
import Storage

/// The quantisation part of a config.
struct QuantizationConfig {
  /// As `Quantization.method` names it, in lower case; nil where nothing says that the base is
  /// quantised.
  var method: String?
  /// The object with the method's parameters; empty where there is none.
  var section = JSON.object([])
  /// The whole config.json.
  var config: JSON?

  /// The expressions in the section that name modules, compiled; what cannot be is left out.
  private var expressions: [String: NameExpression] = [:]

  init(method: String?, config: JSON?, folder: String) throws(CheckpointError) {
    self.method = method?.lowercased()
    self.config = config
    section = try Self.section(config, method, folder)
    for text in Self.expressions(in: section) { expressions[text] = NameExpression(text) }
  }

  init() {}

  private static func section(
    _ config: JSON?, _ method: String?, _ folder: String
  ) throws(CheckpointError) -> JSON {
    if let config, let section = section(of: config) { return section }
    // Each of the files names a method: without one there is none.
    guard method != nil else { return .object([]) }
    for name in Quantization.files.keys.sorted() {
      guard let (file, _) = try ConfigFile.read(Path.join(folder, name)) else { continue }
      return section(of: file) ?? file
    }
    return .object([])
  }

  /// GPTQModel's `dynamic` has them as keys, compressed-tensors' groups have them behind `re:`.
  private static func expressions(in section: JSON) -> [String] {
    let keys = (section["dynamic"]?.members ?? []).map(\.key)
    let targets = (section["config_groups"]?.members ?? []).flatMap { group in
      (group.value["targets"]?.elements ?? []).compactMap(\.text)
    }
    return keys.map { $0.hasPrefix("+:") ? String($0.dropFirst(2)) : $0 }
      + targets.filter { $0.hasPrefix("re:") }.map { String($0.dropFirst(3)) }
  }

  /// True where one of the section's expressions matches a module's path from its start.
  func meets(_ expression: String, _ module: String) -> Bool {
    expressions[expression]?.matches(module) ?? false
  }

  private static func section(of config: JSON) -> JSON? {
    for key in ["quantization_config", "compression_config", "quantization"] {
      if let section = config[key], section.members != nil, section.isOn { return section }
    }
    for member in config.members ?? [] where member.value.members != nil {
      if let section = section(of: member.value) { return section }
    }
    return nil
  }

  func int(_ keys: String...) -> Int? { keys.lazy.compactMap { section[$0]?.int }.first }
  func text(_ keys: String...) -> String? { keys.lazy.compactMap { section[$0]?.text }.first }
  func flag(_ key: String) -> Bool? { section[key]?.bool }

  /// The type that the config gives the model's weights, where it is one of 16 bits.
  var modelDType: DType? {
    let places = [config] + ["text_config", "llm_config", "language_config"].map { config?[$0] }
    for place in places {
      for key in ["dtype", "torch_dtype"] {
        guard let dtype = DType(torch: place?[key]?.text ?? "") else { continue }
        return dtype.bitCount == 16 ? dtype : nil
      }
    }
    return nil
  }

  /// Type of a weight whose library computes in F32 and leaves the result to the model's type.
  var resultDType: DType { modelDType ?? .bf16 }
}
