import OrderedJSON
package import Safetensors
import Storage

/// A small tensor with its bytes, to be written to a file.
package struct SampleTensor: Sendable {
  package var name: String
  package var dtype: DType
  package var shape: [Int]
  package var bytes: [UInt8]

  package init(_ name: String, _ dtype: DType, _ shape: [Int], bytes: [UInt8]) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.bytes = bytes
  }

  /// Values rounded to the nearest of a mergeable type, ties to even.
  package init(_ name: String, _ dtype: DType, _ shape: [Int], _ values: [Double]) {
    let bytes: [UInt8] =
      switch dtype {
      case .f64: values.flatMap { Self.littleEndian($0.bitPattern, 8) }
      case .f32: values.flatMap { Self.littleEndian(UInt64(Float($0).bitPattern), 4) }
      case .f16: values.flatMap { Self.littleEndian(UInt64(Float16($0).bitPattern), 2) }
      case .bf16: values.flatMap { Self.littleEndian(UInt64(Self.bf16(Float($0))), 2) }
      default: fatalError("\(dtype.rawValue) has no values, give bytes")
      }
    self.init(name, dtype, shape, bytes: bytes)
  }

  /// Zeros.
  package init(_ name: String, _ dtype: DType, _ shape: [Int]) {
    let byteCount = shape.reduce(dtype.bitCount, *) / 8
    self.init(name, dtype, shape, bytes: [UInt8](repeating: 0, count: byteCount))
  }

  /// Normal numbers of small size from a seeded generator.
  package init(
    _ name: String, _ dtype: DType, _ shape: [Int], from generator: inout SeededGenerator,
    size: Double = 0.05
  ) {
    let values = (0..<shape.reduce(1, *)).map { _ in generator.normal() * size }
    self.init(name, dtype, shape, values)
  }

  private static func littleEndian(_ word: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
  }

  /// Rounded to the nearest, ties to even.
  package static func bf16(_ value: Float) -> UInt16 {
    if value.isNaN { return 0x7FC0 }
    let bits = value.bitPattern
    return UInt16((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
  }
}

/// Bytes of safetensors files, right ones and wrong ones.
package enum SampleFile {
  /// A valid file of the tensors in the order given.
  package static func bytes(_ tensors: [SampleTensor]) -> [UInt8] {
    let header = ShardLayout.header(
      tensors.map { (name: $0.name, dtype: $0.dtype, shape: $0.shape) })
    return header + tensors.flatMap(\.bytes)
  }

  /// The same with more members in the header's metadata.
  package static func bytes(_ tensors: [SampleTensor], metadata: [String: String]) -> [UInt8] {
    let header = ShardLayout.header(
      tensors.map { (name: $0.name, dtype: $0.dtype, shape: $0.shape) })
    let members = metadata.sorted { $0.key < $1.key }.map { key, value in
      ",\(JSON.string(key).compact):\(JSON.string(value).compact)"
    }
    let format = #"{"format":"pt""#
    let text = String(decoding: header.dropFirst(8), as: UTF8.self)
      .replacing(format, with: format + members.joined(), maxReplacements: 1)
    return raw(text) + tensors.flatMap(\.bytes)
  }

  /// Whatever is given: a header's bytes as they are, `dataByteCount` zeros behind them, and a
  /// length that is the header's own unless another one is claimed.
  package static func raw(
    _ header: [UInt8], dataByteCount: Int = 0, claiming length: UInt64? = nil
  ) -> [UInt8] {
    let count = length ?? UInt64(header.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * UInt64($0))) } + header
      + [UInt8](repeating: 0, count: dataByteCount)
  }

  /// The same with the header as a text.
  package static func raw(
    _ header: String, dataByteCount: Int = 0, claiming length: UInt64? = nil
  ) -> [UInt8] {
    raw(Array(header.utf8), dataByteCount: dataByteCount, claiming: length)
  }
}
