/// One tensor of a safetensors file: what it is and where its bytes lie.
package struct TensorEntry: Equatable, Sendable {
  package var name: String
  package var dtype: DType
  /// Logical dimensions; empty for a scalar.
  package var shape: [Int]
  /// Where its bytes lie, counted from the end of the header.
  package var byteRange: Range<Int64>

  package init(name: String, dtype: DType, shape: [Int], byteRange: Range<Int64>) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.byteRange = byteRange
  }

  /// Product of the dimensions: 1 for a scalar.
  package var elementCount: Int { shape.reduce(1, *) }
  package var byteCount: Int64 { byteRange.upperBound - byteRange.lowerBound }
}
