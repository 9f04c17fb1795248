// Parts of an adapter's tensors, as tensors of their own.
package import Safetensors

/// A tensor of an adapter file.
package struct AdapterTensor: Equatable, Sendable {
  /// As the file spells it.
  package var name: String
  /// Index into `Adapter.files`.
  package var file: Int
  package var dtype: DType
  package var shape: [Int]
  /// Counted from the start of the file.
  package var offset: Int64
}

extension AdapterTensor {
  /// One of the equal parts that a tensor's first dimension cuts it into.
  func slice(_ index: Int, shape: [Int]) -> AdapterTensor {
    var copy = self
    copy.shape = shape
    copy.offset += Int64(index * shape.reduce(1, *)) * Int64(dtype.byteCount)
    return copy
  }

  /// Rows of a matrix, as a tensor of their own.
  package func rows(_ range: Range<Int>) -> AdapterTensor {
    var copy = self
    copy.shape[0] = range.count
    let width = shape.dropFirst().reduce(1, *)
    copy.offset += Int64(range.lowerBound * width) * Int64(dtype.byteCount)
    return copy
  }

  /// Refuses what no update can read.
  func check(path: String) throws(AdapterError) {
    guard dtype.isMergeable else { throw .dtype(path: path, tensor: name, found: dtype) }
    guard !shape.contains(0) else { throw .emptyTensor(path: path, tensor: name) }
  }
}
