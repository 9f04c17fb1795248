package import OrderedJSON
package import Safetensors
package struct BaseTensor: Equatable, Sendable { package var name: String; package var shard: Int; package var dtype: DType; package var shape: [Int]; package var fileOffset: Int64; package var byteCount: Int64 }
package struct Checkpoint: Sendable {
  package var path: String; package var shards: [ShardHeader]; package var shardNames: [String]
  package var tensors: [BaseTensor]; package var config: JSON?; package var configBytes: [UInt8]?
  package var manifest: JSON?; package var quantization: String?; package var sideFiles: [String]
  package func tensor(_ name: String) -> BaseTensor? { nil } }
