// Compares the bytes of two tensors, block by block, in bounded memory: four buffers, whatever the
// tensors' size.
import Glibc
import Safetensors
import Storage

/// Compares tensors of one shape, one pair after the other.
final class TensorComparison {
  /// Where a tensor's bytes lie.
  struct Place: Equatable, Sendable {
    var dtype: DType
    /// From the start of the file.
    var offset: Int64
    /// Of the file.
    var views: [StridedView] = []
  }

  private static let blockElementCount = 1 << 18
  private let left = Buffer(byteCount: blockElementCount * 8)
  private let right = Buffer(byteCount: blockElementCount * 8)
  // Doubles, used where the types differ.
  private let leftValues = Buffer(byteCount: blockElementCount * 8)
  private let rightValues = Buffer(byteCount: blockElementCount * 8)

  /// How far two tensors of the same number of elements lie apart.
  ///
  /// `progress` hears of the bytes read of both, after each block.
  func compare(
    _ a: Place, in leftFile: borrowing File, _ b: Place, in rightFile: borrowing File,
    elementCount: Int, progress: (Int64) -> Void
  ) throws(StorageError) -> ValueDifference {
    var difference = ValueDifference()
    difference.hasValues = a.dtype.hasValues && b.dtype.hasValues
    var first = 0
    while first < elementCount {
      let count = min(Self.blockElementCount, elementCount - first)
      let leftCount = Self.byteCount(a.dtype, count)
      let rightCount = Self.byteCount(b.dtype, count)
      let x = unsafe UnsafeMutableRawBufferPointer(rebasing: left.bytes[..<leftCount])
      let y = unsafe UnsafeMutableRawBufferPointer(rebasing: right.bytes[..<rightCount])
      // A block is a multiple of 8 elements, so that packed ones begin at whole bytes too.
      try unsafe leftFile.read(
        into: x, at: a.offset + Int64(Self.byteCount(a.dtype, first)), views: a.views)
      try unsafe rightFile.read(
        into: y, at: b.offset + Int64(Self.byteCount(b.dtype, first)), views: b.views)
      if a.dtype != b.dtype {
        unsafe compareValues(a.dtype, x, b.dtype, y, count, &difference)
      } else if unsafe memcmp(x.baseAddress!, y.baseAddress!, leftCount) != 0 {
        unsafe compareBits(a.dtype, x, y, count, &difference)
      }
      difference.elementCount += count
      first += count
      progress(Int64(leftCount + rightCount))
    }
    return difference
  }

  /// Blocks of one type that are not the same.
  private func compareBits(
    _ dtype: DType, _ x: UnsafeMutableRawBufferPointer, _ y: UnsafeMutableRawBufferPointer,
    _ count: Int, _ difference: inout ValueDifference
  ) {
    var work = unsafe BitComparison(x: x, y: y, count: count, difference: difference)
    if !dtype.with(&work) {
      for i in 0..<x.count where unsafe x[i] != y[i] { work.difference.differingCount += 1 }
    }
    difference = work.difference
  }

  /// Blocks of two types: values that are equal count as the same.
  private func compareValues(
    _ a: DType, _ x: UnsafeMutableRawBufferPointer, _ b: DType,
    _ y: UnsafeMutableRawBufferPointer, _ count: Int, _ difference: inout ValueDifference
  ) {
    guard difference.hasValues else { return }
    let p = unsafe leftValues.bytes.bindMemory(to: Double.self)
    let q = unsafe rightValues.bytes.bindMemory(to: Double.self)
    var reading = unsafe ValueReading(bytes: x, count: count, values: p)
    _ = a.with(&reading)
    unsafe reading = ValueReading(bytes: y, count: count, values: q)
    _ = b.with(&reading)
    for i in 0..<count {
      let (u, v) = unsafe (p[i], q[i])
      if u != v && !(u.isNaN && v.isNaN) { difference.add(u, v) }
    }
  }

  /// Bytes that `count` elements take, which fill whole bytes.
  private static func byteCount(_ dtype: DType, _ count: Int) -> Int {
    (count * dtype.bitCount + 7) / 8
  }
}

/// Compares two blocks of one type.
///
/// Safe: made and used within one call, while the buffers that lend the bytes live.
@safe private struct BitComparison: ElementWork {
  let x: UnsafeMutableRawBufferPointer
  let y: UnsafeMutableRawBufferPointer
  let count: Int
  var difference: ValueDifference

  mutating func run<E: StoredElement>(_: E.Type) {
    var sum = difference
    for i in 0..<count {
      let p = unsafe x.loadUnaligned(fromByteOffset: i * MemoryLayout<E.Bits>.size, as: E.Bits.self)
      let q = unsafe y.loadUnaligned(fromByteOffset: i * MemoryLayout<E.Bits>.size, as: E.Bits.self)
      if p == q { continue }
      let (u, v) = (E.value(p), E.value(q))
      sum.add(u, v)
      if u.isFinite && v.isFinite { sum.addStep(E.order(p), E.order(q)) }
    }
    difference = sum
  }
}

/// Widens a block to doubles. Safe for the same reason.
@safe private struct ValueReading: ElementWork {
  let bytes: UnsafeMutableRawBufferPointer
  let count: Int
  let values: UnsafeMutableBufferPointer<Double>

  mutating func run<E: StoredElement>(_: E.Type) {
    for i in 0..<count {
      let bits = unsafe bytes.loadUnaligned(
        fromByteOffset: i * MemoryLayout<E.Bits>.size, as: E.Bits.self)
      unsafe values[i] = E.value(bits)
    }
  }
}
