// Tensors of one torch file that are the same bytes under several names, as tied embeddings are:
// torch saves the bytes once and all the names, safetensors cannot. Where the config ties the
// model's weights, the first name of each is kept, as transformers' `save_pretrained` keeps it, and
// loaders tie the others again; where it does not, every name becomes a tensor of its own.
import OrderedJSON
import Safetensors

enum SharedTensors {
  private struct Place: Hashable {
    var start: Int64
    var dtype: DType
    var shape: [Int]
  }

  /// Leaves the second and further names of the same bytes out, where the config ties them; gives
  /// those names. The header's tensors are in the order in which the model has them.
  static func leaveOut(of header: inout ShardHeader, config: JSON?) -> [String] {
    guard let config, isTied(config) else { return [] }
    var places: Set<Place> = []
    var names: [String] = []
    header.tensors.removeAll { tensor in
      guard tensor.byteCount > 0 else { return false }
      let place = Place(
        start: tensor.byteRange.lowerBound, dtype: tensor.dtype, shape: tensor.shape)
      if places.insert(place).inserted { return false }
      names.append(tensor.name)
      return true
    }
    return names
  }

  /// What a config does not say is tied: configs of models that are not say so.
  private static func isTied(_ config: JSON) -> Bool {
    config["tie_word_embeddings"]?.bool ?? config["text_config"]?["tie_word_embeddings"]?.bool
      ?? true
  }
}
