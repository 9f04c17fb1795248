// The grammar of diffusers' tensor names, of three ages:
//
//   unet.down_blocks.0.….to_q.lora_A.weight                 PEFT's, since 0.26
//   text_encoder.….q_proj.lora_linear_layer.down.weight     before it; also `.lora.down.weight`
//   unet.….attn1.processor.to_q_lora.down.weight            attention processors, at first bare
//
// Source: diffusers `utils/state_dict_utils.py`.

/// What a tensor of diffusers is, by its name alone.
struct DiffusersKey: Equatable {
  enum Leaf: String { case a, b, bias, magnitude, alpha }

  /// The pipeline's part.
  var component: String
  var module: String
  var leaf: Leaf

  /// Nil where the name is none of diffusers'.
  init?(_ name: String) {
    var segments = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard !segments.contains(""), segments.first != "base_model" else { return nil }
    if Self.components.contains(segments[0]) {
      component = segments.removeFirst()
    } else if segments.contains("processor") {
      component = "unet"
    } else {
      return nil
    }
    guard let (leaf, count) = Self.leaf(of: segments) else { return nil }
    let last = segments.count - count
    if let bare = Self.projection(segments, at: last, component) {
      segments = segments.prefix(last).dropLast(bare.dropped) + bare.names
    } else {
      segments.removeLast(count)
    }
    guard !segments.isEmpty else { return nil }
    module = segments.joined(separator: ".")
    self.leaf = leaf
  }

  private static let components: Set = [
    "unet", "transformer", "transformer_2", "text_encoder", "text_encoder_2", "text_encoder_3",
    "prior",
  ]

  /// The leaf and how many segments at the end spell it.
  private static func leaf(of segments: [String]) -> (Leaf, Int)? {
    let tail = segments.suffix(3)
    let endings: [([String], Leaf)] = [
      (["lora_A", "weight"], .a), (["lora_B", "weight"], .b), (["lora_B", "bias"], .bias),
      (["lora_A", "default", "weight"], .a), (["lora_B", "default", "weight"], .b),
      (["lora_magnitude_vector", "weight"], .magnitude), (["lora_magnitude_vector"], .magnitude),
      (["lora", "down", "weight"], .a), (["lora", "up", "weight"], .b),
      (["lora_linear_layer", "down", "weight"], .a), (["lora_linear_layer", "up", "weight"], .b),
      (["lora", "alpha"], .alpha), (["alpha"], .alpha),
    ]
    for (ending, leaf) in endings where tail.suffix(ending.count).elementsEqual(ending) {
      return (leaf, ending.count)
    }
    guard tail.count == 3, let marker = tail.first, projections[marker] != nil,
      tail.last == "weight"
    else { return nil }
    switch tail.dropFirst().first {
    case "down": return (.a, 3)
    case "up": return (.b, 3)
    default: return nil
    }
  }

  /// What an attention processor calls the layers of its attention.
  private static let projections = [
    "to_q_lora": "to_q", "to_k_lora": "to_k", "to_v_lora": "to_v", "to_out_lora": "to_out.0",
  ]
  private static let textProjections = [
    "to_q_lora": "q_proj", "to_k_lora": "k_proj", "to_v_lora": "v_proj", "to_out_lora": "out_proj",
  ]

  /// The module's last names where the leaf begins with a processor's name for it, and whether the
  /// processor stands before.
  private static func projection(
    _ segments: [String], at place: Int, _ component: String
  ) -> (names: [String], dropped: Int)? {
    guard place >= 0, place < segments.count, let plain = projections[segments[place]] else {
      return nil
    }
    let isText = component.hasPrefix("text_encoder")
    let name = isText ? textProjections[segments[place]]! : plain
    let dropped = place > 0 && segments[place - 1] == "processor" ? 1 : 0
    return (name.split(separator: ".").map(String.init), dropped)
  }
}
