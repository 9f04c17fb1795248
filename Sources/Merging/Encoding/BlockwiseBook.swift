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

  /// The numbers ascend.
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

  func code(_ value: Float, _ scale: GroupScale) -> UInt8 {
    let scaled = scale.factor < 0 ? value / -scale.factor : value * scale.factor
    let held = min(1, max(-1, scaled))
    var code: UInt8 = 0
    for midpoint in midpoints where held > midpoint { code += 1 }
    return code
  }

  func value(_ code: UInt8, _ scale: GroupScale) -> Float { numbers[Int(code)] * scale.stored }
}
