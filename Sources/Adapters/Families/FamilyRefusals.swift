// Kinds of adapters that no merge can do justice to, with the reason and the way out.

extension Family {
  /// Why a kind is refused.
  static func refusal(of kind: String) -> String {
    refusals[kind] ?? "this kind is not known here; merge it with the library that made it"
  }

  private static let prompt =
    "it puts trained tokens before the input and changes no weight; keep it as an adapter"
  private static let routed =
    "what it does depends on the input, so no one weight stands for it; keep it as an adapter"

  private static let refusals: [String: String] = [
    "PROMPT_TUNING": prompt, "MULTITASK_PROMPT_TUNING": prompt, "P_TUNING": prompt, "CPT": prompt,
    "PREFIX_TUNING":
      "it puts trained keys and values before the input's and changes no weight; keep it as an "
      + "adapter",
    "CARTRIDGE":
      "it is a trained cache of keys and values and changes no weight; keep it as an adapter",
    "ADAPTION_PROMPT":
      "it adds attention to trained prompts, which no weight can do; keep it as an adapter",
    "POLY": routed, "XLORA": routed, "LILY": routed,
    "SHADOW": "a second model runs beside the base; keep it as an adapter",
    "PSOFT":
      "its factors are singular vectors of the base with the signs that the training's own library "
      + "gave them, and the file does not hold them; merge it with PEFT",
    "ADAMSS":
      "which directions of the base it changed is not in the file; merge it with PEFT, in the "
      + "process that trained it",
  ]
}
