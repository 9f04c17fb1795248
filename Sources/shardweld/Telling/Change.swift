// What became of a tensor, as plan and manifest tell it, and where the manifest has it.
import Planning
import Publishing

/// What became of a tensor.
enum Change: String, Sendable {
  /// By updates of adapters.
  case changed
  /// An adapter's own tensor stands in its place, or is new.
  case taken
  /// Decoded for another dtype alone, or out of a quantised form.
  case converted
  case copied
}

extension TensorRecipe {
  /// What becomes of the tensor.
  func change(_ inputs: [InputFile]) -> Change {
    if !updates.isEmpty { return .changed }
    if inputs[source.file].role != .base { return .taken }
    return isCopy ? .copied : .converted
  }
}

extension Manifest.Tensor {
  /// What became of it; a conversion leaves no trace but the digests.
  var change: Change {
    if let first = updates.first { return updates.count == 1 && first.isWhole ? .taken : .changed }
    return digest == sourceDigest && dequantizedFrom == nil ? .copied : .converted
  }
}

extension Manifest.Origin {
  /// True where the tensor itself is the adapter's; `TensorRecipe.stories` says it so.
  var isWhole: Bool { text == "the adapter's own tensor" }

  /// The rule with its origin, and the adapter's tensors, of `RULE (ORIGIN) from NAME, NAME`.
  var parts: (rule: String, tensorNames: [String]) {
    guard let cut = text.ranges(of: " from ").last else { return (text, []) }
    let names = text[cut.upperBound...].split(separator: ", ").map { String($0) }
    return (String(text[..<cut.lowerBound]), names)
  }
}

extension Manifest {
  /// The base shard that a shard's tensors came from, where the manifest tells.
  func baseShard(of shard: Shard) -> String? {
    if base.count == 1 { return base[0].name }
    return options.layout == .source ? base.first { $0.name == shard.name }?.name : nil
  }
}
