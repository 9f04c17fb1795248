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
    if segments.suffix(2) == ["base_layer", "out_proj"] {
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
    var segments = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard !segments.contains("") else { return nil }
    segments.removeAll { $0 == "_orig_mod" || $0 == "_fsdp_wrapped_module" }
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
    let tail = Array(segments.suffix(3))
    // marker [adapter name] [weight|bias], longest first: `lora_A.default.weight`, `lora_A.weight`.
    for (index, marker) in tail.enumerated() {
      let rest = Array(tail[(index + 1)...])
      let taken = tail.count - index
      switch marker {
      case "lora_A" where endsInParameter(rest, "weight"): return (.loraA, taken)
      case "lora_B" where endsInParameter(rest, "weight"): return (.loraB, taken)
      case "lora_B" where endsInParameter(rest, "bias"): return (.loraBias, taken)
      case "lora_embedding_A" where rest.count <= 1: return (.embeddingA, taken)
      case "lora_embedding_B" where rest.count <= 1: return (.embeddingB, taken)
      case "lora_magnitude_vector": return (.magnitude, taken)
      case "trainable_tokens_delta" where rest.count <= 1:
        let wrapped = segments.dropLast(taken).last == "token_adapter"
        return (.tokenRows, wrapped ? taken + 1 : taken)
      case "modules_to_save" where !rest.isEmpty: return (.wholeCopy(rest.last!), taken)
      case "ln_tuning_layers" where !rest.isEmpty: return (.whole(rest.last!), taken)
      case "original_module": return (.original, taken)
      case "lora_velora_embed": return (.helper, taken)
      case "lora_monteclora_sampler": return (.helper, taken)
      default: continue
      }
    }
    // A marker of a kind unknown here (`lora_diag`, `vera_lambda_b`, …) is not a model's parameter.
    guard let last = segments.last, segments.count >= 2,
      !segments.contains(where: { $0.hasPrefix("lora_") || $0.hasPrefix("trainable_tokens") })
    else { return nil }
    return (.whole(last), 1)
  }

  private static func endsInParameter(_ rest: [String], _ parameter: String) -> Bool {
    rest == [parameter] || (rest.count == 2 && rest[1] == parameter)
  }
}
