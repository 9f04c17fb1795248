/// One tensor of a GGUF file: what it is and where its bytes lie.
package struct GGUFTensor: Equatable, Sendable {
  package let name: String
  package let type: GGMLType
  /// Logical dimensions in the usual order, rows before columns: the reverse of the file's.
  package let shape: [Int]
  /// Where its bytes lie, counted from the start of the data.
  package let byteRange: Range<Int64>

  /// Product of the dimensions: 1 for a scalar.
  package var elementCount: Int { shape.reduce(1, *) }
  package var byteCount: Int64 { byteRange.upperBound - byteRange.lowerBound }
}
