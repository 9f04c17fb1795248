// The grammar of PEFT's tensor names:
//
//   base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight
//   └ wrapper ─────┘└ module path ─────────────────┘└ leaf ──────┘
//
// The adapter's own name may still stand in the leaf (`lora_A.default.weight`), wrappers of
// training frameworks may stand anywhere (`_orig_mod`), and a module that was wrapped carries
// `base_layer`.

/// What a tensor of an adapter file is, by its name alone.
struct TensorKey: Equatable {
  enum Leaf: Equatable {
    case loraA, loraB, loraBias, embeddingA, embeddingB, magnitude, tokenRows
    /// A whole parameter of the model, with its last segment (`weight`, `bias`).
    case whole(String)
    /// The same, saved under the wrapper's own name for it.
    case wholeCopy(String)
    /// The module as it was before training: never merged.
    case original
    /// What training alone needs: never merged.
    case helper
  }

  /// Path of the module inside the model, wrappers and `base_layer` removed.
  var module: String
  var leaf: Leaf
  /// It belongs to `out_proj` of a wrapped multi-head attention.
  var isBelowAttention = false
  /// How many wrappers (`base_layer`) stand between the module and the leaf.
  var depth: Int

  /// Nil where the name is not PEFT's.
  init?(_ name: String) {
    guard var segments = Self.segments(of: name), segments.starts(with: Self.wrapper) else {
      return nil
    }
    Self.enterModel(&segments)
    guard let (leaf, taken) = Self.leaf(of: segments) else { return nil }
    segments.removeLast(taken)
    let depth = Self.leaveWrappers(&segments)
    // The output projection of a wrapped multi-head attention.
    if segments.last == "out_proj", segments.dropLast().last == "base_layer" {
      segments.remove(at: segments.count - 2)
      isBelowAttention = true
    }
    guard !segments.isEmpty, !segments.contains("base_layer") else { return nil }
    self.module = segments.joined(separator: ".")
    self.leaf = leaf
    self.depth = depth
  }

  private static let wrapper = ["base_model", "model"]

  /// A name's segments without what training frameworks put between them; nil where one is empty.
  static func segments(of name: String) -> [String]? {
    // By bytes: a point is one in UTF-8, and looking for characters takes several times as long.
    var segments: [String] = []
    segments.reserveCapacity(16)
    var rest = name.utf8[...]
    while true {
      let end = rest.firstIndex(of: UInt8(ascii: "."))
      let segment = String(Substring(rest[..<(end ?? rest.endIndex)]))
      if segment.isEmpty { return nil }
      if segment != "_orig_mod", segment != "_fsdp_wrapped_module" { segments.append(segment) }
      guard let end else { break }
      rest = rest[rest.index(after: end)...]
    }
    if segments.first == "module" { segments.removeFirst() }
    return segments
  }

  /// Drops PEFT's own model around the model, as often as it stands there.
  static func enterModel(_ segments: inout [String]) {
    while segments.starts(with: wrapper) { segments.removeFirst(2) }
  }

  /// Drops the wrappers at the end of a module's path; how many they were.
  @discardableResult
  static func leaveWrappers(_ segments: inout [String]) -> Int {
    let count = segments.reversed().prefix { $0 == "base_layer" }.count
    segments.removeLast(count)
    return count
  }

  /// The leaf and how many segments at the end spell it.
  private static func leaf(of segments: [String]) -> (Leaf, Int)? {
    guard let last = segments.last else { return nil }
    // marker [adapter name] [weight|bias], longest first: `lora_A.default.weight`, `lora_A.weight`.
    for index in segments.indices.suffix(3) {
      let taken = segments.count - index
      switch segments[index] {
      case "lora_A" where taken > 1 && last == "weight": return (.loraA, taken)
      case "lora_B" where taken > 1 && last == "weight": return (.loraB, taken)
      case "lora_B" where taken > 1 && last == "bias": return (.loraBias, taken)
      case "lora_embedding_A" where taken <= 2: return (.embeddingA, taken)
      case "lora_embedding_B" where taken <= 2: return (.embeddingB, taken)
      case "lora_magnitude_vector": return (.magnitude, taken)
      case "trainable_tokens_delta" where taken <= 2:
        let wrapped = segments.dropLast(taken).last == "token_adapter"
        return (.tokenRows, wrapped ? taken + 1 : taken)
      case "modules_to_save" where taken > 1: return (.wholeCopy(last), taken)
      case "ln_tuning_layers" where taken > 1: return (.whole(last), taken)
      case "original_module": return (.original, taken)
      case "lora_velora_embed": return (.helper, taken)
      case "lora_monteclora_sampler": return (.helper, taken)
      default: continue
      }
    }
    // A marker of a kind unknown here (`lora_diag`, `vera_lambda_b`, …) is not a model's parameter.
    guard segments.count >= 2,
      !segments.contains(where: { $0.hasPrefix("lora_") || $0.hasPrefix("trainable_tokens") })
    else { return nil }
    return (.whole(last), 1)
  }
}
