import Kernels
import Testing

/// Every loop of every set this CPU has gives the bits of the plain one.
@Suite struct LoopTests {
  static let plain = KernelTable(.plain)
  static let others = InstructionSet.supported.filter { $0 != .plain }

  @Test(arguments: others)
  func `conversions equal the plain ones`(_ set: InstructionSet) {
    let kernels = KernelTable(set)
    #expect(kernels.set == set)
    for count in Samples.lengths {
      for precision in Precision.allCases {
        for element in ElementType.allCases {
          let narrow = Samples.elements(element, count, seed: UInt64(count))
          #expect(
            kernels.widen(element, narrow, precision)
              == Self.plain.widen(element, narrow, precision),
            "widen \(element) to \(precision), \(count)")
          let wide = Samples.numbers(precision, count, seed: UInt64(count))
          #expect(
            kernels.narrow(precision, wide, element) == Self.plain.narrow(precision, wide, element),
            "narrow \(precision) to \(element), \(count)")
        }
      }
    }
  }

  @Test(arguments: others)
  func `element loops equal the plain ones`(_ set: InstructionSet) {
    let kernels = KernelTable(set)
    for count in Samples.lengths {
      for precision in Precision.allCases {
        let value = Samples.numbers(precision, count, seed: 7)
        let other = Samples.numbers(precision, count, seed: 8)
        let factors = Samples.numbers(precision, count, seed: 9)
        for name in ["add", "lerp", "scale", "scaleEach"] {
          func run(_ kernels: KernelTable) -> [UInt8] {
            let result = unsafe KernelTable.changing(value, other) { value, other in
              switch name {
              case "add":
                unsafe kernels.addScaled(precision, value, other, scale: 0.3, count: count)
              case "lerp": unsafe kernels.lerp(precision, value, other, amount: 0.7, count: count)
              case "scale":
                unsafe kernels.scale(precision, other, to: value, factor: 1 / 3, count: count)
              default:
                unsafe (factors + [0]).withUnsafeBytes {
                  unsafe kernels.scaleEach(
                    precision, other, factors: $0.baseAddress!, to: value, count: count)
                }
              }
            }
            return Samples.oneNaN(result, precision)
          }
          #expect(run(kernels) == run(Self.plain), "\(name) \(precision) \(count)")
        }
        for element in ElementType.allCases {
          func beyond(_ kernels: KernelTable) -> Int {
            unsafe (value + [0]).withUnsafeBytes {
              unsafe kernels.nonFiniteCount(precision, $0.baseAddress!, in: element, count: count)
            }
          }
          #expect(beyond(kernels) == beyond(Self.plain), "beyond \(element) \(precision) \(count)")
        }
      }
    }
  }

  @Test(arguments: InstructionSet.supported)
  func `scaled addition and lerp round after every step`(_ set: InstructionSet) {
    let kernels = KernelTable(set)
    let w = Samples.floats(500, seed: 20)
    let v = Samples.floats(500, seed: 21)
    let sum = unsafe KernelTable.changing(Samples.bytes(w), Samples.bytes(v)) {
      unsafe kernels.addScaled(.single, $0, $1, scale: 1 / 3, count: 500)
    }
    let third = Float(1.0 / 3)
    #expect(
      Samples.oneNaN(sum, .single)
        == Samples.oneNaN(Samples.bytes(zip(w, v).map { $0 + rounded(third * $1) }), .single))
    let between = unsafe KernelTable.changing(Samples.bytes(w), Samples.bytes(v)) {
      unsafe kernels.lerp(.single, $0, $1, amount: 1 / 3, count: 500)
    }
    let expected = zip(w, v).map { $0 + rounded(third * rounded($1 - $0)) }
    #expect(
      Samples.oneNaN(between, .single) == Samples.oneNaN(Samples.bytes(expected), .single))
  }

  @Test(arguments: InstructionSet.supported)
  func `what rounds to an infinity counts as not finite`(_ set: InstructionSet) {
    let kernels = KernelTable(set)
    for (precision, count) in [(Precision.single, 4097), (.double, 3000)] {
      let numbers = Samples.numbers(precision, count, seed: 5)
      for element in ElementType.allCases {
        let written = kernels.widen(element, kernels.narrow(precision, numbers, element), .double)
        let expected = Samples.values(written, as: Double.self).count { !$0.isFinite }
        let found = unsafe numbers.withUnsafeBytes {
          unsafe kernels.nonFiniteCount(precision, $0.baseAddress!, in: element, count: count)
        }
        #expect(found == expected, "\(precision) \(element)")
      }
    }
  }

  @Test(arguments: InstructionSet.supported)
  func `sums of squares do not depend on the set or on cuts`(_ set: InstructionSet) {
    let kernels = KernelTable(set)
    for precision in Precision.allCases {
      for count in Samples.lengths {
        let row = Samples.ordinary(precision, count, seed: UInt64(count))
        var lanes = [Double](repeating: 0, count: SquareLanes.count)
        for i in 0..<count {
          let x = number(row, i, precision)
          lanes[i % SquareLanes.count] += rounded(x * x)
        }
        let cut = count / 3
        #expect(
          sums(kernels, precision, row, cuts: [0, count]).map(\.bitPattern)
            == lanes.map(\.bitPattern))
        #expect(
          sums(kernels, precision, row, cuts: [0, cut, cut, count]).map(\.bitPattern)
            == lanes.map(\.bitPattern))
        var columns = [Double](repeating: 0.25, count: count + 1)
        unsafe (row + [0]).withUnsafeBytes { raw in
          unsafe columns.withUnsafeMutableBufferPointer {
            unsafe kernels.addColumnSquares(
              precision, raw.baseAddress!, count: count, to: $0.baseAddress!)
          }
        }
        let expected = (0..<count).map { i in
          0.25 + rounded(number(row, i, precision) * number(row, i, precision))
        }
        #expect(columns == expected + [0.25])
      }
    }
  }

  @Test func `lanes are added in pairs of halves`() {
    var lanes = (0..<16).map { Double(1 << $0) }
    let total = unsafe lanes.withUnsafeMutableBufferPointer {
      unsafe SquareLanes.total($0.baseAddress!)
    }
    #expect(total == 65535)
  }

  private func sums(
    _ kernels: KernelTable, _ precision: Precision, _ row: [UInt8], cuts: [Int]
  ) -> [Double] {
    var lanes = [Double](repeating: 0, count: SquareLanes.count)
    for (from, to) in zip(cuts, cuts.dropFirst()) {
      unsafe (row + [0]).withUnsafeBytes { raw in
        unsafe lanes.withUnsafeMutableBufferPointer {
          unsafe kernels.addRowSquares(
            precision, raw.baseAddress! + from * precision.byteCount, count: to - from, first: from,
            to: $0.baseAddress!)
        }
      }
    }
    return lanes
  }

  private func number(_ bytes: [UInt8], _ index: Int, _ precision: Precision) -> Double {
    unsafe bytes.withUnsafeBytes {
      precision == .single
        ? unsafe Double($0.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
        : unsafe $0.loadUnaligned(fromByteOffset: index * 8, as: Double.self)
    }
  }
}

/// Keeps the compiler from fusing a product into a following sum.
@inline(never) func rounded<T: BinaryFloatingPoint>(_ x: T) -> T { x }
