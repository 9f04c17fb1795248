// Names of output shards where they follow the base's: the same for safetensors; what torch saved
// gets the names that transformers gives to the same shards.
//
//   pytorch_model-00001-of-00002.bin  →  model-00001-of-00002.safetensors
//   pytorch_model.bin, weights.pth    →  model.safetensors, weights.safetensors

package enum OutputNames {
  /// What the names of a model's weights and of their index begin with, by those of its shards:
  /// diffusers has its own.
  package static func stem(of shards: some Sequence<String>) -> String {
    let diffusers = "diffusion_pytorch_model"
    return shards.contains { $0.hasPrefix(diffusers) } ? diffusers : "model"
  }

  /// The output's names for the base's, in order; the old ending stays where two would become one.
  static func of(_ names: [String]) -> [String] {
    let own = names.map(name)
    return Set(own).count == own.count ? own : names.map { $0 + ".safetensors" }
  }

  private static func name(_ name: String) -> String {
    let ending = ".safetensors"
    if name.hasSuffix(ending) { return name }
    let stem = name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
    return (stem.hasPrefix("pytorch_") ? String(stem.dropFirst("pytorch_".count)) : stem) + ending
  }
}
