// A recipe in words: what `plan` lists, the manifest keeps and `explain` tells.
import Safetensors

extension TensorRecipe {
  /// The story's first words where a tensor starts from an adapter's own.
  package static let ownTensor = "the adapter's own tensor"

  /// What makes this tensor differ from the base's, step by step; updates that differ only in their
  /// window count as one.
  package func stories(_ inputs: [InputFile]) -> [(adapter: Int, text: String)] {
    var stories: [(adapter: Int, text: String)] = []
    if case .adapter(let index) = inputs[source.file].role {
      stories.append((index, Self.ownTensor))
    }
    for update in updates {
      let story = (
        adapter: update.adapter,
        text: "\(update.rule.words) (\(update.origin)) from "
          + update.tensorNames.joined(separator: ", ")
      )
      if stories.last.map({ $0 == story }) != true { stories.append(story) }
    }
    return stories
  }

  /// The same without the adapter's tensors, on one line.
  package func summary(_ inputs: [InputFile]) -> String {
    var parts: [String] = []
    if case .adapter(let index) = inputs[source.file].role {
      parts.append("from adapter \(index + 1)")
    }
    if let decoding { parts.append("dequantised from \(decoding.title)") }
    for update in updates {
      let text = "\(update.rule.words) (\(update.origin))"
      if parts.last != text { parts.append(text) }
    }
    if encoding != nil { parts.append("requantised") }
    if encoding == nil, dtype != sourceDType {
      parts.append("\(sourceDType.rawValue) to \(dtype.rawValue)")
    }
    return parts.joined(separator: "; ")
  }
}

extension Rule {
  /// The rule with its numbers, e.g. `lora rank 8 × 2.0`.
  package var words: String {
    switch self {
    case .lowRank(let low): "lora rank \(low.rank) × \(low.scale)"
    case .dora(let low, _, let axis, let strength):
      "dora rank \(low.rank) × \(low.scale) by \(axis)" + Self.words(strength)
    case .add(_, let scale): "add × \(scale)"
    case .replace(_, let strength): "replace" + Self.words(strength)
    case .replaceRows(let rows, _, let strength):
      "replace \(rows.count) rows" + Self.words(strength)
    case .weight(let rule): rule.name + Self.words(rule.strength)
    }
  }

  private static func words(_ strength: Double) -> String {
    strength == 1 ? "" : " at strength \(strength)"
  }
}
