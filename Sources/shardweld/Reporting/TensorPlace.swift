// Where a tensor stands in a model, by its name alone.
//
//   model.layers.7.mlp.experts.12.up_proj.weight
//   → layer 7, expert 12 of model.layers.*.mlp.experts.*.up_proj.weight

/// A module with its layer and its expert.
struct TensorPlace: Equatable, Sendable {
  /// The name with `*` for the numbers of layer and expert: the same for siblings.
  var module: String
  /// The first number that is no expert's.
  var layer: Int?
  /// The first number right behind a part that speaks of experts.
  var expert: Int?
  private var ownName: String

  init(_ name: String) {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
    var layerIndex: Int?
    for index in parts.indices {
      guard parts[index].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let number = Int(parts[index])
      else { continue }
      if index > 0, parts[index - 1].contains("expert") {
        guard expert == nil else { continue }
        expert = number
        parts[index] = "*"
      } else if layer == nil {
        (layer, layerIndex) = (number, index)
      }
    }
    ownName = parts.joined(separator: ".")
    if let layerIndex { parts[layerIndex] = "*" }
    module = parts.joined(separator: ".")
  }

  /// Siblings of one layer: the experts of a module, or the one tensor there is.
  struct Group: Hashable, Sendable {
    var module: String
    var layer: Int?
    /// The tensor's name, with `*` for the number of its expert.
    var name: String
  }

  var group: Group { Group(module: module, layer: layer, name: ownName) }
}
