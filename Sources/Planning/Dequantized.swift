// Which quantised weights of a base become plain ones, and what that changes beside them: the
// config's word on quantisation, its types, and what a person should know.
import Adapters
import Checkpoints
import OrderedJSON
import Safetensors

struct Dequantized {
  /// What the options come to for this base and these adapters.
  let choice: MergeOptions.Dequantize
  private let base: BaseModel
  /// Names of the weights that become plain, where not all do.
  private let touched: [QuantizedWeight]
  private let names: Set<String>
  private(set) var warnings: [String] = []

  /// Refuses what has no right result.
  init(
    _ drafts: DraftTable, _ base: BaseModel, _ wanted: MergeOptions.Dequantize,
    _ adapters: [Adapter], _ requantize: MergeOptions.Requantize = .none
  ) throws(PlanningError) {
    self.base = base
    touched = drafts.touchedQuantized
    let quantized = base.checkpoint.quantized
    switch wanted {
    case .auto where touched.isEmpty || requantize != .none: choice = .auto
    // llama.cpp knows each tensor's type by itself.
    case .auto: choice = base.isGGUF ? .touched : .all
    case .all, .touched: choice = quantized.isEmpty ? .auto : wanted
    }
    names = choice == .auto ? [] : Set(touched.map(\.name))
    if !touched.isEmpty { try checkHiddenScales(adapters) }
    if choice == .all, let weight = quantized.weights.first(where: { !$0.isRead }) {
      throw .unreadForm(target: weight.name, form: weight.title)
    }
    if choice == .touched, !base.isGGUF, SkipList(base.checkpoint) == nil {
      throw .noSkipList(method: base.checkpoint.quantization ?? "this format")
    }
  }

  var isAll: Bool { choice == .all }

  /// True where a quantised weight becomes plain.
  func has(_ name: String) -> Bool { isAll || names.contains(name) }

  /// True where a head of its own was quantised although the config ties it: once plain, it is not
  /// the embedding any more.
  func unties(_ tie: EmbeddingTie?) -> Bool {
    guard isAll, let tie, tie.headExists else { return false }
    let quantized = base.checkpoint.quantized
    return (quantized[tie.head] == nil) != (quantized[tie.embedding] == nil)
  }

  /// AWQ and SmoothQuant scale a weight's columns and undo it in the layer before, so that an
  /// adapter trained on the plain model does not fit.
  private mutating func checkHiddenScales(_ adapters: [Adapter]) throws(PlanningError) {
    guard let method = base.checkpoint.hiddenScales else { return }
    for adapter in adapters {
      let trainedOn = adapter.config.baseName ?? ""
      if Self.isSame(trainedOn, base.checkpoint.path) { continue }
      guard trainedOn.isEmpty || trainedOn.lowercased().contains(method.lowercased()) else {
        throw .hiddenScales(
          adapter: adapter.path, method: method, base: base.checkpoint.path, trainedOn: trainedOn)
      }
      warnings.append(
        "\(adapter.path) "
          + (trainedOn.isEmpty
            ? "does not name the base that it was trained on" : "was trained on \(trainedOn)")
          + "; \(method) has scaled the columns of this base's weights, and only an adapter "
          + "trained on it fits")
    }
  }

  /// True where a name or path of a model can be the folder of a checkpoint: the same last part, or
  /// the folder of the cache that is made of the name.
  private static func isSame(_ name: String, _ path: String) -> Bool {
    guard let leaf = name.split(separator: "/").last else { return false }
    let cached = "models--" + name.replacing("/", with: "--")
    let parts = path.split(separator: "/")
    return parts.last == leaf || parts.contains { $0 == cached }
  }

  // MARK: The config

  /// What config.json must say differently.
  func configChanges(_ output: MergeOptions.OutputDType) -> [ConfigChange] {
    guard let config = base.checkpoint.config, config.members != nil else { return [] }
    switch choice {
    case .auto: return []
    case .all:
      var changes: [ConfigChange] = []
      Self.removals(in: config, at: [], to: &changes)
      if output == .keep { changes += dtypeChanges(config) }
      return changes
    case .touched: return SkipList(base.checkpoint)?.changes(adding: touched) ?? []
    }
  }

  private static let keys: Set = [
    "quantization_config", "quantization", "compression_config", "_pre_quantization_dtype",
  ]

  private static func removals(
    in config: JSON, at path: [String], to changes: inout [ConfigChange]
  ) {
    for member in config.members ?? [] {
      if keys.contains(member.key), member.value.members != nil || member.key.hasPrefix("_") {
        changes.append(ConfigChange(path: path + [member.key], value: nil))
      } else if member.value.members != nil {
        removals(in: member.value, at: path + [member.key], to: &changes)
      }
    }
  }

  /// The type that most of the weights now have, where the config names another or none.
  private func dtypeChanges(_ config: JSON) -> [ConfigChange] {
    var elements: [DType: Int] = [:]
    for weight in base.checkpoint.quantized.weights {
      elements[weight.dtype, default: 0] += weight.shape.reduce(1, *)
    }
    guard let main = DType.allCases.max(by: { elements[$0] ?? -1 < elements[$1] ?? -1 }),
      let name = main.torchName
    else { return [] }
    var changes: [ConfigChange] = []
    var isNamed = false
    func set(_ section: JSON, _ path: [String]) {
      for key in ["dtype", "torch_dtype"] {
        guard let value = section[key] else { continue }
        isNamed = isNamed || path.isEmpty
        if DType(torch: value.text ?? "") != main {
          changes.append(ConfigChange(path: path + [key], value: JSON.string(name).compact))
        }
      }
    }
    set(config, [])
    if !isNamed {
      changes.append(ConfigChange(path: ["torch_dtype"], value: JSON.string(name).compact))
    }
    for member in config.members ?? [] where member.value.members != nil {
      guard !Self.keys.contains(member.key) else { continue }
      set(member.value, [member.key])
    }
    return changes
  }
}
