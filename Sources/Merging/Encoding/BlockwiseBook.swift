// bitsandbytes' rule for blocks of numbers and a book that they are coded with: weights by NF4's,
// scales by the 256 numbers that lie beside them.

/// The scale is the largest magnitude m itself; x · (1 / m), of a last shorter block x / m, takes
/// the nearest number of the book by the midpoints between them, at a midpoint the lower one.
///
/// Source: bitsandbytes `backends/default/ops.py` (quantize_4bit, quantize_blockwise). Its kernels
/// for GPUs give the same but at midpoints. For scales it has a table on CPUs, which takes one in
/// some 600 for a neighbour.
struct BlockwiseBook {
  private let numbers: [Float]
  private let midpoints: [Float]

  /// The numbers ascend; 16 or 256.
  init(_ numbers: [Float]) {
    self.numbers = numbers
    midpoints = zip(numbers, numbers.dropFirst()).map { ($0 + $1) / 2 }
  }

  func scale(largest: Float, isRest: Bool) -> GroupScale {
    let divisor = max(largest, 1e-38)
    // A shorter group is divided by its scale: the factor is below 0 to tell.
    return isRest
      ? GroupScale(stored: divisor, factor: -divisor)
      : GroupScale(stored: largest, factor: 1 / divisor)
  }

  func encode(
    _ values: UnsafePointer<Float>, _ count: Int, _ scale: GroupScale, to codes: Codes
  ) {
    let room = UnsafeMutableRawPointer(codes)
    let all = unsafe UnsafeRawPointer(values)
    unsafe midpoints.withUnsafeBufferPointer { midpoints in
      for first in stride(from: 0, through: count - 8, by: 8) {
        let eight = unsafe all.loadUnaligned(fromByteOffset: first * 4, as: SIMD8<Float>.self)
        let codes = unsafe Self.codes(eight, scale, midpoints)
        unsafe room.storeBytes(of: codes, toByteOffset: first, as: SIMD8<UInt8>.self)
      }
      for i in count & ~7..<count {
        unsafe codes[i] = Self.codes(SIMD8(repeating: values[i]), scale, midpoints)[0]
      }
    }
  }

  /// How many midpoints lie below each of eight scaled values.
  @inline(__always)
  private static func codes(
    _ values: SIMD8<Float>, _ scale: GroupScale, _ midpoints: UnsafeBufferPointer<Float>
  ) -> SIMD8<UInt8> {
    var held = scale.factor < 0 ? values / -scale.factor : values * scale.factor
    held.replace(with: 1, where: held .> 1)
    held.replace(with: -1, where: held .< -1)
    var below = SIMD8<UInt32>()
    for i in 0..<midpoints.count {
      below.replace(with: below &+ 1, where: unsafe held .> midpoints[i])
    }
    return SIMD8(truncatingIfNeeded: below)
  }

  func decode(_ codes: CodeBytes, _ count: Int, _ scale: GroupScale, to values: Values) {
    unsafe numbers.lookUp(codes, count, by: scale.stored, to: values)
  }

  /// Codes of some values, and what they are read back as.
  func coded(_ values: [Float], _ scale: GroupScale) -> (codes: [UInt8], values: [Float]) {
    let count = values.count
    let codes = unsafe [UInt8](unsafeUninitializedCapacity: count) { codes, initialized in
      initialized = count
      unsafe values.withUnsafeBufferPointer { values in
        unsafe encode(values.baseAddress!, count, scale, to: codes.baseAddress!)
      }
    }
    let back = unsafe [Float](unsafeUninitializedCapacity: count) { values, initialized in
      initialized = count
      unsafe codes.withUnsafeBufferPointer { codes in
        unsafe decode(codes.baseAddress!, count, scale, to: values.baseAddress!)
      }
    }
    return (codes, back)
  }
}
