package import Safetensors

/// A tensor of the base as it is stored.
package struct BaseTensor: Equatable, Sendable {
  package var name: String
  /// Index into `Checkpoint.shards`.
  package var shard: Int
  package var dtype: DType
  package var shape: [Int]
  /// Where its first byte lies, counted from the start of the file; in a view behind it where its
  /// elements do not lie one behind the other.
  package var fileOffset: Int64
  package var byteCount: Int64

  package init(
    name: String, shard: Int, dtype: DType, shape: [Int], fileOffset: Int64, byteCount: Int64
  ) {
    self.name = name
    self.shard = shard
    self.dtype = dtype
    self.shape = shape
    self.fileOffset = fileOffset
    self.byteCount = byteCount
  }
}
