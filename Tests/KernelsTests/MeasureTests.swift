import Kernels
import Testing

/// What is measured of an update, against sums by hand and against the plain loops.
@Suite struct MeasureTests {
  /// All that one call leaves.
  struct Measured: Equatable {
    var totals: [UInt64]
    var largest: UInt64
    var counts: [Int]

    func total(_ index: Int) -> Double { Double(bitPattern: totals[index]) }
  }

  static func measure(
    _ set: InstructionSet, _ precision: Precision, base: [UInt8], _ source: ElementType,
    value: [UInt8], written: [UInt8], _ target: ElementType, count: Int
  ) -> Measured {
    var counts = MeasuredCounts()
    var totals = [Double](repeating: 0, count: 3 * MeasuredRuns.count(count) + 3)
    var rounded = [UInt8](repeating: 0, count: count * target.byteCount + 1)
    unsafe (base + [0]).withUnsafeBytes { base in
      unsafe (value + [0]).withUnsafeBytes { value in
        unsafe rounded.withUnsafeMutableBytes { rounded in
          unsafe totals.withUnsafeMutableBufferPointer { totals in
            unsafe KernelTable(set).roundMeasured(
              precision,
              MeasuredBlock(
                base: base.baseAddress!, source, value: value.baseAddress!,
                written: rounded.baseAddress!, target, rows: 1, columns: count, stride: count,
                runsOfRow: MeasuredRuns.count(count)),
              totals: totals.baseAddress!, &counts)
          }
        }
      }
    }
    #expect(totals.suffix(3) == [0, 0, 0])
    #expect(rounded == written + [0])
    return Measured(
      totals: totals.dropLast(3).map(\.bitPattern), largest: counts.largest.bitPattern,
      counts: [counts.moved, counts.changed, counts.vanished, counts.overflowed])
  }

  @Test(arguments: InstructionSet.supported)
  func `a row is measured by hand`(_ set: InstructionSet) {
    // 1 + 2⁻⁹ rounds back to 1 in BF16, 1 + 3·2⁻⁹ to 1 + 2⁻⁷, 2⁻² is exact.
    let base: [Float] = [1, 1, 0.5, -3, 0]
    let value: [Float] = [1 + 0x1p-9, 1 + 0x1.8p-8, 0.75, -3, 0]
    let kernels = KernelTable(set)
    let found = Self.measure(
      set, .single, base: kernels.narrow(.single, Samples.bytes(base), .bf16), .bf16,
      value: Samples.bytes(value), written: kernels.narrow(.single, Samples.bytes(value), .bf16),
      .bf16, count: 5)
    #expect(found.total(0) == 1 + 1 + 0.25 + 9)
    #expect(found.total(1) == 0x1p-18 + 0x1.2p-15 + 0x1p-4)
    #expect(found.total(2) == 0x1p-18 + 0x1p-18)
    #expect(found.largest == 0.25.bitPattern)
    #expect(found.counts == [3, 2, 1, 0])
  }

  @Test(arguments: InstructionSet.supported)
  func `where the type changes an update is judged beside the rounded base`(_ set: InstructionSet) {
    // 1 + 2⁻¹⁰ is 1 in BF16, and still is 2⁻¹⁰ above: the update vanished whole.
    let found = Self.measure(
      set, .single, base: Samples.bytes([1 + 0x1p-10] as [Float]), .f32,
      value: Samples.bytes([1 + 0x1p-9] as [Float]),
      written: KernelTable(set).narrow(.single, Samples.bytes([1 + 0x1p-9] as [Float]), .bf16),
      .bf16, count: 1)
    #expect(found.total(1) == 0x1p-20 && found.total(2) == 0x1p-20)
    #expect(found.counts == [1, 0, 1, 0])
  }

  @Test(arguments: InstructionSet.supported)
  func `what is not finite is counted and in no sum`(_ set: InstructionSet) {
    let kernels = KernelTable(set)
    let base: [Float] = [60000, .infinity, .nan, 1, 2]
    let value: [Float] = [70000, .infinity, .nan, .nan, 2.5]
    let found = Self.measure(
      set, .single, base: kernels.narrow(.single, Samples.bytes(base), .f16), .f16,
      value: Samples.bytes(value), written: kernels.narrow(.single, Samples.bytes(value), .f16),
      .f16, count: 5)
    #expect(found.total(0) == 4 && found.total(1) == 0.25 && found.total(2) == 0)
    #expect(found.largest == 0.5.bitPattern)
    #expect(found.counts == [1, 3, 0, 2])
  }

  @Test func `runs lie one after the other and are summed in lanes`() {
    let count = MeasuredRuns.elementCount + 37
    let base = (0..<count).map { Float($0 % 91) / 7 }
    let found = Self.measure(
      .plain, .single, base: Samples.bytes(base), .f32, value: Samples.bytes(base),
      written: Samples.bytes(base), .f32, count: count)
    #expect(MeasuredRuns.count(count) == 2 && found.totals.count == 6)
    for (run, part) in [base.prefix(MeasuredRuns.elementCount), base.suffix(37)].enumerated() {
      var lanes = [Float](repeating: 0, count: SquareLanes.count)
      for (index, number) in part.enumerated() {
        lanes[index % SquareLanes.count].addProduct(number, number)
      }
      while lanes.count > 1 {
        lanes = zip(lanes.prefix(lanes.count / 2), lanes.suffix(lanes.count / 2)).map { $0 + $1 }
      }
      #expect(found.total(3 * run) == Double(lanes[0]))
      #expect(found.total(3 * run + 1) == 0 && found.total(3 * run + 2) == 0)
    }
    #expect(found.counts == [0, 0, 0, 0])
  }

  @Test(arguments: InstructionSet.supported)
  func `squares that no float holds are summed in double`(_ set: InstructionSet) {
    for (base, update) in [(1e25, 1e20), (1e-5, 1e-25), (1e-30, 1e-34), (0, 0), (1, 0)] {
      let numbers = [Float](repeating: Float(base), count: 300)
      let value = numbers.map { $0 + Float(update) }
      let found = Self.measure(
        set, .single, base: Samples.bytes(numbers), .f32, value: Samples.bytes(value),
        written: Samples.bytes(value), .f32, count: 300)
      let difference = Double(value[0] - numbers[0])
      for (run, count) in [256.0, 44.0].enumerated() {
        let squares = [Double(numbers[0]), difference].map { count * $0 * $0 }
        #expect(abs(found.total(3 * run) - squares[0]) <= 1e-6 * squares[0])
        #expect(abs(found.total(3 * run + 1) - squares[1]) <= 1e-6 * squares[1])
      }
      #expect(found.counts[0] == (difference == 0 ? 0 : 300))
      #expect(found.largest == difference.bitPattern)
    }
  }

  @Test(arguments: InstructionSet.supported)
  func `rows of a block lie apart and are rounded and measured each`(_ set: InstructionSet) {
    let (rows, columns, stride) = (3, 300, 310)
    let kernels = KernelTable(set)
    let value = Samples.ordinary(.single, rows * columns, seed: 41)
    let base = kernels.narrow(.single, Samples.ordinary(.single, rows * stride, seed: 42), .bf16)
    var written = [UInt8](repeating: 0xAB, count: rows * stride * 2)
    var totals = [Double](repeating: 0, count: rows * 9)
    var counts = MeasuredCounts()
    unsafe base.withUnsafeBytes { base in
      unsafe value.withUnsafeBytes { value in
        unsafe written.withUnsafeMutableBytes { written in
          unsafe totals.withUnsafeMutableBufferPointer { totals in
            unsafe kernels.roundMeasured(
              .single,
              MeasuredBlock(
                base: base.baseAddress!, .bf16, value: value.baseAddress!,
                written: written.baseAddress!, .bf16, rows: rows, columns: columns,
                stride: stride, runsOfRow: 3),
              totals: totals.baseAddress!, &counts)
          }
        }
      }
    }
    for row in 0..<rows {
      let part = Array(value[(row * columns * 4)..<((row + 1) * columns * 4)])
      let rounded = kernels.narrow(.single, part, .bf16)
      let start = row * stride * 2
      #expect(Array(written[start..<start + columns * 2]) == rounded)
      #expect(written[(start + columns * 2)..<(start + stride * 2)].allSatisfy { $0 == 0xAB })
      let alone = Self.measure(
        set, .single, base: Array(base[start..<start + columns * 2]), .bf16, value: part,
        written: rounded, .bf16, count: columns)
      #expect(totals[(row * 9)..<(row * 9 + 6)].map(\.bitPattern) == alone.totals)
      #expect(totals[(row * 9 + 6)..<(row * 9 + 9)] == [0, 0, 0])
    }
    #expect(counts.moved > 0)
  }

  @Test(arguments: InstructionSet.supported.filter { $0 != .plain })
  func `every set measures as the plain one`(_ set: InstructionSet) {
    for precision in Precision.allCases {
      for source in ElementType.allCases where source != .f64 || precision == .double {
        for target in ElementType.allCases {
          for count in [0, 1, 15, 16, 17, 255, 256, 257, 1000] {
            for isOrdinary in [true, false] {
              let numbers = isOrdinary ? Samples.ordinary : Samples.numbers
              let plain = KernelTable(.plain)
              let base = plain.narrow(precision, numbers(precision, count, 30), source)
              let value = numbers(precision, count, 31)
              let written = plain.narrow(precision, value, target)
              func found(_ set: InstructionSet) -> Measured {
                Self.measure(
                  set, precision, base: base, source, value: value, written: written, target,
                  count: count)
              }
              #expect(
                found(set) == found(.plain), "\(precision) \(source) \(target) \(count)")
            }
          }
        }
      }
    }
  }
}
