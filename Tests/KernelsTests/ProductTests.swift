import Kernels
import TestSupport
import Testing

@Suite struct ProductTests {
  struct Shape: CustomStringConvertible {
    var rows: Int
    var columns: Int
    var rank: Int
    var skip: Int
    var description: String { "\(rows)×\(columns) rank \(rank) skip \(skip)" }
  }

  /// Every tail of rows and columns, and first columns inside of a panel.
  static let shapes: [Shape] =
    (1...26).map { Shape(rows: $0, columns: 5 + $0 * 7 % 61, rank: $0 % 5 + 1, skip: $0 * 3 % 16) }
    + (1...70).map { Shape(rows: $0 % 3 + 1, columns: $0, rank: 3, skip: 0) }
    + [
      Shape(rows: 13, columns: 1, rank: 1, skip: 15),
      Shape(rows: 24, columns: 64, rank: 64, skip: 0),
      Shape(rows: 5, columns: 33, rank: 130, skip: 7),
    ]

  @Test(arguments: InstructionSet.supported)
  func `a product is a chain of fused multiply-adds, scaled, then added`(_ set: InstructionSet) {
    for shape in Self.shapes {
      let (value, left, right) = Self.inputs(shape, Float.self)
      var expected = value
      for i in 0..<shape.rows {
        for j in 0..<shape.columns {
          var sum: Float = 0
          for k in 0..<shape.rank {
            sum = sum.addingProduct(left[i * shape.rank + k], right[k * shape.columns + j])
          }
          expected[i * shape.columns + j] += rounded(Float(0.3) * sum)
        }
      }
      let found = unsafe run(set, .single, shape, value, left, right) { kernels, product in
        unsafe kernels.addProduct(product, scale: 0.3)
      }
      #expect(found == expected, "\(shape)")
    }
  }

  @Test(arguments: InstructionSet.supported)
  func `the same in double`(_ set: InstructionSet) {
    for shape in Self.shapes {
      let (value, left, right) = Self.inputs(shape, Double.self)
      var expected = value
      for i in 0..<shape.rows {
        for j in 0..<shape.columns {
          var sum = 0.0
          for k in 0..<shape.rank {
            sum = sum.addingProduct(left[i * shape.rank + k], right[k * shape.columns + j])
          }
          expected[i * shape.columns + j] += rounded(0.3 * sum)
        }
      }
      let found = unsafe run(set, .double, shape, value, left, right) { kernels, product in
        unsafe kernels.addProduct(product, scale: 0.3)
      }
      #expect(found == expected, "\(shape)")
    }
  }

  @Test(arguments: InstructionSet.supported, ElementType.allCases)
  func `a product makes its numbers of a base`(_ set: InstructionSet, _ element: ElementType) {
    let kernels = KernelTable(set)
    for shape in Self.shapes {
      let (numbers, left, right) = Self.inputs(shape, Float.self)
      // A gap of five between the rows of the base.
      let stride = shape.columns + 5
      var base: [UInt8] = []
      for row in 0..<shape.rows {
        let part = Array(numbers[row * shape.columns..<(row + 1) * shape.columns])
        base += kernels.narrow(.single, Samples.bytes(part), element)
        base += [UInt8](repeating: 0xFF, count: 5 * element.byteCount)
      }
      let widened = (0..<shape.rows).flatMap { row in
        let start = row * stride * element.byteCount
        return Samples.values(
          kernels.widen(
            element, Array(base[start..<start + shape.columns * element.byteCount]), .single),
          as: Float.self)
      }
      let expected = unsafe run(set, .single, shape, widened, left, right) { kernels, product in
        unsafe kernels.addProduct(product, scale: 0.3)
      }
      let nothing = [Float](repeating: .nan, count: numbers.count)
      let found = unsafe base.withUnsafeBytes { base in
        unsafe run(
          set, .single, shape, nothing, left, right,
          base: ProductBase(base.baseAddress!, stride: stride, element)
        ) { kernels, product in
          unsafe kernels.addProduct(product, scale: 0.3)
        }
      }
      #expect(found == expected, "\(shape)")
    }
  }

  @Test(arguments: InstructionSet.supported)
  func `a running sum goes on from the value`(_ set: InstructionSet) {
    for shape in Self.shapes {
      let (value, left, right) = Self.inputs(shape, Float.self)
      var expected = value
      for i in 0..<shape.rows {
        for j in 0..<shape.columns {
          for k in 0..<shape.rank {
            expected[i * shape.columns + j].addProduct(
              left[i * shape.rank + k], right[k * shape.columns + j])
          }
        }
      }
      let found = unsafe run(set, .single, shape, value, left, right) { kernels, product in
        unsafe kernels.sumProduct(product)
      }
      #expect(found == expected, "\(shape)")
    }
  }

  @Test func `packed sizes count the padding`() {
    #expect(Packing.leftCount(rows: 1, rank: 5) == 60)
    #expect(Packing.leftCount(rows: 24, rank: 5) == 120)
    #expect(Packing.rightCount(columns: 33, rank: 2, .single) == 128)
    #expect(Packing.rightCount(columns: 33, rank: 2, .double) == 96)
    #expect(AxisPlacement(group: 12, groupStride: 60, step: 1).index(25) == 121)
    #expect(AxisPlacement.even(step: 32).index(3) == 96)
  }

  private static func inputs<T: BinaryFloatingPoint>(
    _ shape: Shape, _ type: T.Type
  ) -> (value: [T], left: [T], right: [T]) where T.RawSignificand: FixedWidthInteger {
    var random = SeededGenerator(seed: UInt64(shape.rows * 1000 + shape.columns))
    func some(_ count: Int) -> [T] { (0..<count).map { _ in T.random(in: -1...1, using: &random) } }
    return (
      some(shape.rows * shape.columns), some(shape.rows * shape.rank),
      some(shape.rank * shape.columns)
    )
  }

  /// Packs the factors, calls the loop on a value with a gap of three between its rows, and takes the
  /// gap away again after checking that nobody wrote there.
  private func run<T: BinaryFloatingPoint & BitwiseCopyable>(
    _ set: InstructionSet, _ precision: Precision, _ shape: Shape, _ value: [T], _ left: [T],
    _ right: [T], base: ProductBase? = nil, _ body: (KernelTable, PackedProduct) -> Void
  ) -> [T] {
    let width = precision.panelWidth
    let rank = shape.rank
    let stride = shape.columns + 3
    var packedLeft = [T](repeating: .nan, count: Packing.leftCount(rows: shape.rows, rank: rank))
    for i in 0..<shape.rows {
      for k in 0..<rank {
        packedLeft[i / 12 * 12 * rank + k * 12 + i % 12] = left[i * rank + k]
      }
    }
    var packedRight = [T](
      repeating: .nan,
      count: Packing.rightCount(columns: shape.skip + shape.columns, rank: rank, precision))
    for k in 0..<rank {
      for j in 0..<shape.columns {
        let n = j + shape.skip
        packedRight[n / width * width * rank + k * width + n % width] = right[k * shape.columns + j]
      }
    }
    var spaced = [T](repeating: 77, count: shape.rows * stride)
    for i in 0..<shape.rows {
      for j in 0..<shape.columns { spaced[i * stride + j] = value[i * shape.columns + j] }
    }
    unsafe spaced.withUnsafeMutableBytes { value in
      unsafe packedLeft.withUnsafeBytes { left in
        unsafe packedRight.withUnsafeBytes { right in
          unsafe body(
            KernelTable(set),
            PackedProduct(
              precision, value: value.baseAddress!, stride: stride, base: base, rows: shape.rows,
              columns: shape.columns, skip: shape.skip, rank: rank, left: left.baseAddress!,
              leftGroup: 12 * rank, right: right.baseAddress!, rightPanel: width * rank))
        }
      }
    }
    var found: [T] = []
    for i in 0..<shape.rows {
      found += spaced[(i * stride)..<(i * stride + shape.columns)]
      #expect(spaced[(i * stride + shape.columns)..<((i + 1) * stride)].allSatisfy { $0 == 77 })
    }
    return found
  }
}
