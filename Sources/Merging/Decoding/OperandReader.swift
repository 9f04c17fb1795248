// Parts of stored tensors, as decoders ask for them: only the bytes of the rows at hand.
import Kernels
import Planning
import Safetensors
import Storage

/// Reads the stored tensors of quantised weights.
struct OperandReader {
  let context: MergeContext

  /// Bytes of a tensor from its first.
  func bytes(_ tensor: TensorBytes, _ range: Range<Int>) throws(MergingError) -> [UInt8] {
    try rows(tensor, 0..<1, bytes: range, stride: 0)
  }

  /// Some bytes of each of some rows that lie `stride` bytes apart, without gaps.
  func rows(
    _ tensor: TensorBytes, _ rows: Range<Int>, bytes: Range<Int>, stride: Int
  ) throws(MergingError) -> [UInt8] {
    try read(tensor, rows, bytes: bytes, stride: stride)
  }

  /// Words of 32 bits of some rows of `width` words each.
  func words(
    _ tensor: TensorBytes, _ rows: Range<Int>, _ columns: Range<Int>, width: Int
  ) throws(MergingError) -> [UInt32] {
    try read(
      tensor, rows, bytes: columns.lowerBound * 4..<columns.upperBound * 4, stride: width * 4)
  }

  /// Bytes of each of some rows, as the elements that they are on little-endian machines.
  private func read<Element: FixedWidthInteger & BitwiseCopyable>(
    _ tensor: TensorBytes, _ rows: Range<Int>, bytes: Range<Int>, stride: Int
  ) throws(MergingError) -> [Element] {
    let isOneRun = rows.count == 1 || bytes.count == stride
    let runs = isOneRun ? 1 : rows.count
    let length = isOneRun ? rows.count * bytes.count : bytes.count
    let all = runs * length / MemoryLayout<Element>.size
    var fault: MergingError?
    let result = unsafe [Element](unsafeUninitializedCapacity: all) { buffer, count in
      let room = UnsafeMutableRawBufferPointer(buffer)
      do throws(MergingError) {
        for run in 0..<runs {
          let start = (rows.lowerBound + run) * stride + bytes.lowerBound
          try unsafe context.inputs.read(
            tensor.file,
            into: UnsafeMutableRawBufferPointer(rebasing: room[run * length..<(run + 1) * length]),
            at: tensor.offset + Int64(start))
        }
        count = all
      } catch {
        fault = error
        count = 0
      }
    }
    if let fault { throw fault }
    return result
  }

  /// Numbers of some rows of `width` elements each, exactly. The types are those of `numberTypes`.
  func numbers(
    _ tensor: TensorBytes, _ rows: Range<Int>, _ columns: Range<Int>, width: Int
  ) throws(MergingError) -> [Float] {
    let size = tensor.dtype.byteCount
    let bytes = try self.rows(
      tensor, rows, bytes: columns.lowerBound * size..<columns.upperBound * size,
      stride: width * size)
    if let table = SmallFloat.table(of: tensor.dtype) { return bytes.map { table[Int($0)] } }
    let count = bytes.count / size
    return unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = count
      guard count > 0 else { return }
      unsafe bytes.withUnsafeBytes {
        unsafe context.kernels.widen(
          tensor.dtype.element, $0.baseAddress!, to: UnsafeMutableRawPointer(buffer.baseAddress!),
          .single, count: count)
      }
    }
  }

  /// A run of numbers of a flat tensor.
  func numbers(_ tensor: TensorBytes, _ range: Range<Int>) throws(MergingError) -> [Float] {
    try numbers(tensor, 0..<1, range, width: range.upperBound)
  }

  /// Whole numbers of 32 or 64 bits.
  func integers(_ tensor: TensorBytes, _ range: Range<Int>) throws(MergingError) -> [Int] {
    let size = tensor.dtype.byteCount
    let bytes = range.lowerBound * size..<range.upperBound * size
    if size == 8 {
      let words: [Int64] = try read(tensor, 0..<1, bytes: bytes, stride: 0)
      return words.map { Int(Int64(littleEndian: $0)) }
    }
    let words: [Int32] = try read(tensor, 0..<1, bytes: bytes, stride: 0)
    return words.map { Int(Int32(littleEndian: $0)) }
  }
}
