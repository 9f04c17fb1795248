// The header of a file that we write: tensors one behind the other in the order given.
//
//   <8 bytes: 128>{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],
//   "data_offsets":[0,8]}}<spaces up to a multiple of 8>
import OrderedJSON
import Storage

package enum ShardLayout {
  /// The bytes before the first tensor: 8 of length and the JSON, padded with spaces so that the
  /// data begins at a multiple of 8. Depends on the tensors alone.
  package static func header(_ tensors: [(name: String, dtype: DType, shape: [Int])]) -> [UInt8] {
    var writer = JSONWriter(indent: nil)
    writer.object { writer in
      writer.key("__metadata__")
      writer.object { $0.member("format", "pt") }
      var offset: Int64 = 0
      for tensor in tensors {
        let end = offset + byteCount(tensor.dtype, tensor.shape)
        writer.key(tensor.name)
        writer.object { writer in
          writer.member("dtype", tensor.dtype.rawValue)
          writer.key("shape")
          writer.array { for dimension in tensor.shape { $0.integer(dimension) } }
          writer.key("data_offsets")
          writer.array {
            $0.integer(offset)
            $0.integer(end)
          }
        }
        offset = end
      }
    }
    var text = writer.bytes
    text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - text.count % 8) % 8))
    invariant(
      text.count <= ShardHeader.headerByteCountMax, "a header of \(text.count) bytes was planned")
    let length = (0..<8).map { UInt8(truncatingIfNeeded: UInt64(text.count) >> (8 * UInt64($0))) }
    return length + text
  }

  private static func byteCount(_ dtype: DType, _ shape: [Int]) -> Int64 {
    let bitCount = shape.reduce(dtype.bitCount, *)
    invariant(bitCount % 8 == 0, "\(dtype.rawValue) \(shape) does not fill whole bytes")
    return Int64(bitCount / 8)
  }
}
