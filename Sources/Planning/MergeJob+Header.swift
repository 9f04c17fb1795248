import Safetensors

extension MergeJob {
  /// The finished shard's first bytes: what its writer writes and every reader expects.
  package var header: [UInt8] {
    ShardLayout.header(recipes.map { (name: $0.name, dtype: $0.dtype, shape: $0.shape) })
  }
}
