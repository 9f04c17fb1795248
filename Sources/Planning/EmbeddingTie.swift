// Tied embeddings: one table on disk serves as input embedding and as output head. A change meant
// for one side must not leak into the other, so such a merge writes both tensors and unties them in
// the config; a change meant for both keeps the tie.
import Checkpoints
import OrderedJSON
import Safetensors

struct EmbeddingTie: Equatable {
  /// Names of the two weights, e.g. `model.embed_tokens.weight` and `lm_head.weight`.
  var embedding: String
  var head: String
  /// Some checkpoints store both copies although the config ties them.
  var headExists: Bool
  /// The model's class has an output head at all.
  var hasHead: Bool

  /// Module paths of embedding and head, by family.
  static let pairs: [(embedding: String, head: String)] = [
    ("model.embed_tokens", "lm_head"), ("transformer.wte", "lm_head"), ("wte", "lm_head"),
    ("model.decoder.embed_tokens", "lm_head"), ("shared", "lm_head"), ("model.shared", "lm_head"),
    ("model.language_model.embed_tokens", "lm_head"),
    ("language_model.model.embed_tokens", "language_model.lm_head"),
    ("transformer.word_embeddings", "lm_head"), ("backbone.embeddings", "lm_head"),
    ("gpt_neox.embed_in", "embed_out"), ("model.text_model.embed_tokens", "lm_head"),
    ("bert.embeddings.word_embeddings", "cls.predictions.decoder"),
    ("roberta.embeddings.word_embeddings", "lm_head.decoder"),
    ("distilbert.embeddings.word_embeddings", "vocab_projector"),
    ("embed_tokens", "lm_head"), ("token_embd", "output"),
  ]

  /// The tie of a base, nil where its two sides are tensors of their own by its config.
  static func of(_ base: BaseModel) -> EmbeddingTie? {
    for (embedding, head) in pairs where base.tensor(embedding + ".weight") != nil {
      let headExists = base.tensor(head + ".weight") != nil
      let config = base.checkpoint.config
      let declared =
        config?["tie_word_embeddings"]?.bool
        ?? config?["text_config"]?["tie_word_embeddings"]?.bool
      guard declared ?? !headExists else { return nil }
      if declared == false, headExists { return nil }
      return EmbeddingTie(
        embedding: embedding + ".weight", head: head + ".weight", headExists: headExists,
        hasHead: base.hasLanguageHead)
    }
    return nil
  }

  /// How the head's draft begins where the base stores only the embedding.
  func newHead(_ name: String, _ base: BaseModel) -> TensorDraft? {
    guard name == head, !headExists, var draft = base.draft(of: embedding) else { return nil }
    draft.name = head
    return draft
  }

  /// True where steps act on one side alone.
  func isBroken(by steps: [Step]) -> Bool {
    steps.contains { ($0.target == embedding && !$0.isShared) || $0.target == head }
  }
}

extension BaseModel {
  /// True where the architecture ends in a head over the vocabulary; unknown counts as true.
  var hasLanguageHead: Bool {
    guard let architecture else { return true }
    return [
      "ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForMaskedLM", "ForPreTraining",
    ]
    .contains { architecture.hasSuffix($0) }
  }

  /// True where the model scales its hidden states when tied (T5), so that untying changes it.
  var scalesWhenTied: Bool { ["t5", "longt5", "switch_transformers"].contains(modelType) }

  func bytes(_ tensor: BaseTensor) -> TensorBytes {
    TensorBytes(
      file: tensor.shard, offset: tensor.fileOffset, dtype: tensor.dtype,
      elementCount: tensor.shape.reduce(1, *))
  }
}
