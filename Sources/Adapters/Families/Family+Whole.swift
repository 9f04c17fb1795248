// Kinds whose tensors take the base's place: trained norms, trained token rows.

extension Family {
  /// `ln_tuning_layers.weight` and `.bias`: the norm's own parameters, trained.
  /// Source: PEFT `tuners/ln_tuning/layer.py`.
  static let lnTuning = Family(kind: "LN_TUNING")

  /// `trainable_tokens_delta`: rows of an embedding, listed by `token_indices`.
  /// Source: PEFT `tuners/trainable_tokens/layer.py`.
  static let trainableTokens = Family(
    kind: "TRAINABLE_TOKENS", keys: ["token_indices", "init_weights"],
    tokenRowsKey: "token_indices")
}
