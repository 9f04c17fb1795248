// Models whose linear layers are transformers' `Conv1D`, which stores (in, out).

import OrderedJSON

package enum TransposedLinear {
  /// True where a module of this name, in a model of this type, is one.
  package static func isOne(_ module: String, modelType: String?) -> Bool {
    guard let modelType, modelTypes.contains(modelType) else { return false }
    return leaves.contains(module.split(separator: ".").last ?? "")
  }

  private static let modelTypes: Set = [
    "gpt2", "openai-gpt", "imagegpt", "decision_transformer", "clvp", "ctrl",
  ]
  private static let leaves: Set<Substring> = ["c_attn", "c_proj", "c_fc", "q_attn"]
}

extension StoredTensors {
  /// True where a plain base would store the module's weight transposed.
  func isConv1D(_ module: String) -> Bool {
    TransposedLinear.isOne(module, modelType: config.config?["model_type"]?.text)
  }
}
