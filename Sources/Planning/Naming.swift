// Adapter names come from the model class the adapter was trained with, base names from whoever
// exported the checkpoint. A naming is one rule that maps every adapter path to the base's
// spelling: whole leading segments are exchanged, never parts of names. It is taken only if it fits
// them all.

/// Exchanges leading segments of module paths; the first pair that fits a path counts.
struct Naming: Equatable {
  /// `from` and `to` end in `.` or are empty; an empty `from` fits every path.
  var pairs: [(from: String, to: String)]

  static func == (a: Naming, b: Naming) -> Bool {
    a.pairs.elementsEqual(b.pairs) { $0 == $1 }
  }

  func map(_ path: String) -> String {
    for (from, to) in pairs {
      if from.isEmpty || path.hasPrefix(from) { return to + path.dropFirst(from.count) }
      // A pair for a whole module (`lm_head.`) fits the module itself too.
      if path.utf8.count + 1 == from.utf8.count, from.hasPrefix(path) {
        return String(to.dropLast())
      }
    }
    return path
  }

  static let identity = Naming(pairs: [])

  /// All rules worth trying after identity, in a fixed order.
  static let candidates: [Naming] =
    wrappers.flatMap { wrapper in
      [
        Naming(pairs: [(wrapper, "")]),
        Naming(pairs: heads.map { ($0, $0) } + [("", wrapper)]),
      ]
    }
    + multimodal.flatMap { pairs in
      [Naming(pairs: pairs), Naming(pairs: pairs.map { ($0.1, $0.0) })]
    }

  /// Attributes under which model classes hold their body (`base_model_prefix` in transformers).
  private static let wrappers = [
    "model.", "transformer.", "bert.", "roberta.", "distilbert.", "albert.", "electra.",
    "deberta.", "mpnet.", "xlm_roberta.", "camembert.", "esm.", "vit.", "deit.", "beit.",
    "dinov2.", "swin.", "clip.", "gpt_neox.", "encoder.", "decoder.", "backbone.", "thinker.",
    "language_model.", "text_model.", "vision_model.", "base_model.", "resnet.", "convnext.",
    "wav2vec2.", "hubert.", "whisper.", "auto_model.", "0.auto_model.",
  ]

  /// Modules that stand beside the body, so that adding a wrapper passes them by.
  private static let heads = [
    "lm_head.", "score.", "classifier.", "qa_outputs.", "cls.", "embed_out.", "pre_classifier.",
  ]

  /// Layouts of multimodal models before and since transformers 4.52, from base to runtime names.
  private static let multimodal: [[(String, String)]] = [
    [
      ("model.language_model.", "language_model.model."), ("lm_head.", "language_model.lm_head."),
      ("model.vision_tower.", "vision_tower."), ("model.vision_model.", "vision_model."),
      ("model.multi_modal_projector.", "multi_modal_projector."),
    ],
    [
      ("model.language_model.", "language_model."), ("model.vision_tower.", "vision_tower."),
      ("model.audio_tower.", "audio_tower."),
      ("model.multi_modal_projector.", "multi_modal_projector."),
    ],
    [("model.language_model.", "model."), ("model.visual.", "visual.")],
    [("language_model.model.", "model.language_model."), ("language_model.lm_head.", "lm_head.")],
    [
      ("model.language_model.", "thinker.model."), ("model.visual.", "thinker.visual."),
      ("model.audio_tower.", "thinker.audio_tower."), ("lm_head.", "thinker.lm_head."),
    ],
    [("backbone.", "model.")],
  ]
}
