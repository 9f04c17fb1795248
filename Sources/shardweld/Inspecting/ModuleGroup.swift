// An adapter's tensors, gathered by the module they belong to and by layer.
//
//   base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight
//                    module ------------------------ part
import Safetensors

/// Modules whose names differ in numbers alone, and which have the same parts.
struct ModuleGroup: Equatable, Sendable {
  var pattern: String
  /// `lora_A 8 x 64 F32, lora_B 64 x 8 F32`.
  var parts: String
  var count: Int
  /// Of all of them.
  var byteCount: Int64

  /// The groups, in the order of their first modules' names.
  static func groups(_ tensors: [TensorEntry]) -> [ModuleGroup] {
    var modules: [(name: String, parts: [String], byteCount: Int64)] = []
    for tensor in tensors.sorted(by: { $0.name < $1.name }) {
      let (module, part) = split(tensor.name)
      if modules.last?.name != module { modules.append((module, [], 0)) }
      let last = modules.count - 1
      modules[last].parts.append("\(part) \(Shape.text(tensor.shape)) \(tensor.dtype.rawValue)")
      modules[last].byteCount += tensor.byteCount
    }
    var groups: [ModuleGroup] = []
    var positions: [[String]: Int] = [:]
    for module in modules {
      let pattern = TensorGroup.pattern(module.name)
      let parts = module.parts.joined(separator: ", ")
      if let position = positions[[pattern, parts]] {
        groups[position].count += 1
        groups[position].byteCount += module.byteCount
      } else {
        positions[[pattern, parts]] = groups.count
        groups.append(
          ModuleGroup(pattern: pattern, parts: parts, count: 1, byteCount: module.byteCount))
      }
    }
    return groups
  }

  /// A tensor's module and its part in it; PEFT's `base_model.model.` in front is left out.
  static func split(_ name: String) -> (module: String, part: String) {
    let prefix = "base_model.model."
    let bare = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
    let words = bare.split(separator: ".", omittingEmptySubsequences: false)
    guard words.count > 1 else { return (bare, "") }
    let start = words.dropFirst().firstIndex { word in
      families.contains { word.hasPrefix($0) }
    }
    let cut = start ?? words.count - 1
    var part = words[cut...]
    if part.count > 1, part.last == "weight" { part.removeLast() }
    return (words[..<cut].joined(separator: "."), part.joined(separator: "."))
  }

  /// How names of parts begin in PEFT's families.
  private static let families = [
    "lora_", "hada_", "lokr_", "oft_", "boft_", "ia3_", "hra_", "vera_", "fourierft_", "vblora_",
    "randlora_", "bone_", "miss_", "c3a_", "road_", "shira_", "waveft_", "trainable_tokens_",
    "modules_to_save", "dora_", "token_adapter",
  ]
}
