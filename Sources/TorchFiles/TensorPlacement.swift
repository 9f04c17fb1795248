// Where a tensor's elements lie in the file: storage, offset, shape and strides → a run of bytes,
// or a view where there is no such run.
import Safetensors
import Storage

/// Places tensors of one file; equal parts of a storage get equal places.
struct TensorPlacement {
  private struct Part: Hashable {
    var start: Int64
    var size: Int
    var shape: [Int]
    var strides: [Int]
  }

  private let archive: TorchArchive
  private let fileByteCount: Int64
  private(set) var views: [StridedView] = []
  private var known: [Part: Int] = [:]

  init(_ archive: TorchArchive, fileByteCount: Int64) {
    self.archive = archive
    self.fileByteCount = fileByteCount
  }

  /// The tensor as a header has it.
  mutating func entry(
    _ name: String, _ tensor: PickledTensor
  ) throws(TorchFault) -> TensorEntry {
    guard let dtype = tensor.element.dtype else {
      throw .noSafetensorsType(name, element: tensor.element.name)
    }
    let storage = try range(of: tensor, name)
    let range = try place(tensor, in: storage, name)
    var shape = tensor.shape
    // Torch counts pairs of these, safetensors each of a pair.
    if dtype == .f4 {
      guard let last = shape.last else {
        throw .noSafetensorsType(name, element: tensor.element.name)
      }
      shape[shape.count - 1] = last * 2
    }
    return TensorEntry(name: name, dtype: dtype, shape: shape, byteRange: range)
  }

  /// A tensor may be larger than its storage (a stride of 0 repeats elements), but not without
  /// bounds: no number that is reckoned from shapes may overflow.
  private static let byteCountMax = 1 << 42

  private static func isCountable(_ tensor: PickledTensor) -> Bool {
    var byteCount = tensor.element.byteCount
    for extent in tensor.shape {
      // Of an empty tensor too: some reckon with a part of its extents.
      let (product, overflows) = byteCount.multipliedReportingOverflow(by: max(1, extent))
      guard extent >= 0, !overflows, product <= byteCountMax else { return false }
      byteCount = product
    }
    return true
  }

  /// The bytes of a tensor's storage.
  private func range(
    of tensor: PickledTensor, _ name: String
  ) throws(TorchFault) -> Range<Int64> {
    let storage = archive.heap.storages[tensor.storage]
    guard let range = archive.storages[storage.key] else {
      throw .missingStorage(tensor: name, key: storage.key)
    }
    guard range.upperBound - range.lowerBound == Int64(storage.byteCount) else {
      throw .storageSize(
        tensor: name, key: storage.key, expected: storage.byteCount,
        found: range.upperBound - range.lowerBound)
    }
    return range
  }

  /// A run of bytes in the file, or in a view behind it.
  private mutating func place(
    _ tensor: PickledTensor, in storage: Range<Int64>, _ name: String
  ) throws(TorchFault) -> Range<Int64> {
    let size = tensor.element.byteCount
    let outside = TorchFault.outsideStorage(
      tensor: name, shape: tensor.shape, strides: tensor.strides, offset: tensor.offset)
    guard Self.isCountable(tensor), (tensor.strides + [tensor.offset]).allSatisfy({ $0 >= 0 })
    else { throw outside }
    let (first, isFar) = tensor.offset.multipliedReportingOverflow(by: size)
    guard !isFar, Int64(first) <= storage.upperBound - storage.lowerBound else { throw outside }
    let start = storage.lowerBound + Int64(first)
    if tensor.shape.contains(0) { return start..<start }
    // Seen as a view it is within the storage, or none: its end stands for the file's.
    guard
      let view = StridedView(
        offset: views.last?.end ?? aligned(fileByteCount), start: start, elementByteCount: size,
        shape: tensor.shape, strides: tensor.strides, fileByteCount: storage.upperBound)
    else { throw outside }
    if Self.isContiguous(tensor) { return start..<(start + view.byteCount) }
    let part = Part(start: start, size: size, shape: tensor.shape, strides: tensor.strides)
    if let place = known[part] { return views[place].offset..<views[place].end }
    known[part] = views.count
    views.append(view)
    return view.offset..<view.end
  }

  private func aligned(_ offset: Int64) -> Int64 { (offset + 63) / 64 * 64 }

  /// True where each element lies behind the one before it, in the order of their indices.
  private static func isContiguous(_ tensor: PickledTensor) -> Bool {
    var step = 1
    for (extent, stride) in zip(tensor.shape, tensor.strides).reversed() where extent > 1 {
      guard stride == step else { return false }
      step *= extent
    }
    return true
  }
}
