import Kernels
import TestSupport
import Testing

/// Sums rounded to odd, against whole numbers of 128 bits.
@Suite struct StickyTests {
  private static func sum(
    _ set: InstructionSet, _ w: [Double], _ scale: Double, _ v: [Double]
  ) -> [Double] {
    let sums = unsafe KernelTable.changing(Samples.bytes(w), Samples.bytes(v)) {
      unsafe KernelTable(set).addSticky($0, $1, scale: scale, count: w.count)
    }
    return Samples.values(sums, as: Double.self)
  }

  /// The number · 2^power itself, or the one of its two neighbours that ends in 1.
  private static func odd(_ number: Int128, power: Int) -> Double {
    let size = number.magnitude
    let excess = max(0, 128 - size.leadingZeroBitCount - 53)
    var kept = size >> excess
    if kept << excess != size { kept |= 1 }
    let value = Double(sign: .plus, exponent: power + excess, significand: Double(UInt64(kept)))
    return number < 0 ? -value : value
  }

  @Test(arguments: InstructionSet.supported)
  func `product and sum are exact and end in 1 where they do not fit`(_ set: InstructionSet) {
    var random = SeededGenerator(seed: 31)
    func whole(_ bits: Int) -> Int128 {
      Int128(Int64.random(in: -(1 << 53)...(1 << 53), using: &random) >> (53 - bits))
    }
    var inexact = 0
    for round in 0..<400 {
      let scale = whole(round % 3 == 0 ? 4 : 53)
      // From sums far above the product to those far below, and some that all but cancel it.
      let count = 33
      let v = (0..<count).map { _ in whole(round % 2 == 0 ? 53 : 20) }
      let place = round % 70
      let w = v.enumerated().map { i, number in
        guard i % 4 == 0 else { return whole(53) << place }
        let near = Int128(Double(-scale * number))
        return near + whole(3)
      }
      let numbers = w.map { Double($0) }
      let expected = zip(numbers, v).map { Self.odd(Int128($0) + scale * $1, power: 0) }
      let found = Self.sum(set, numbers, Double(scale), v.map { Double($0) })
      #expect(found == expected, "round \(round)")
      inexact += zip(expected, zip(numbers, v)).count {
        Int128($0) != Int128($1.0) + scale * $1.1
      }
    }
    #expect(inexact > 4000 && inexact < 12_000)
  }

  @Test(arguments: InstructionSet.supported)
  func `far below the last place a product still tells its side`(_ set: InstructionSet) {
    let middle = 0x1.01p0
    let tiny: [Double] = [0x1p-40, -0x1p-40, 0x1p-300, -0x1p-300, 0, -0.0]
    let up = middle.nextUp
    let down = middle.nextDown
    #expect(
      Self.sum(set, Array(repeating: middle, count: 6), 0x1p-20, tiny)
        == [up, down, up, down, middle, middle])
    #expect(
      Self.sum(set, Array(repeating: -middle, count: 6), 0x1p-20, tiny)
        == [-down, -up, -down, -up, -middle, -middle])
  }

  @Test(arguments: InstructionSet.supported)
  func `what is not finite is what the plain sum gives`(_ set: InstructionSet) {
    let (most, infinity) = (Double.greatestFiniteMagnitude, Double.infinity)
    let w = [infinity, -infinity, 1, 1, most, .nan, infinity, 1]
    let v = [1, 1, infinity, -most, most, 1, -infinity, .nan]
    let expected = zip(w, v).map { $0 + rounded(4 * $1) }
    #expect(
      Samples.oneNaN(Samples.bytes(Self.sum(set, w, 4, v)), .double)
        == Samples.oneNaN(Samples.bytes(expected), .double))
  }

  @Test(arguments: LoopTests.others)
  func `every set gives the plain one's bits`(_ set: InstructionSet) {
    for count in Samples.lengths {
      let w = Samples.doubles(count, seed: UInt64(count))
      let v = Samples.doubles(count, seed: UInt64(count) + 5000)
      func run(_ set: InstructionSet) -> [UInt8] {
        Samples.oneNaN(Samples.bytes(Self.sum(set, w, 0.3, v)), .double)
      }
      #expect(run(set) == run(.plain), "\(count)")
    }
  }
}
