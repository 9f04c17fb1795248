// Contract f64-once where it shows: numbers at and beside the middle between two outputs.
import Merging
import Planning
import Safetensors
import Storage
import Testing

@Suite struct AccumulationTests {
  /// The outputs of base numbers with updates: scale · (left · right), a number of each row times
  /// one of each column.
  private func merge(
    _ base: [Double], _ dtype: DType, to output: DType, _ accumulation: MergeOptions.Accumulation,
    _ updates: [(left: [[Double]], right: [[Double]], scale: Double)]
  ) throws -> [Double] {
    let fixture = try Fixture()
    fixture.options.accumulation = accumulation
    let source = fixture.put(base, dtype, file: 0)
    let rows = updates[0].left.count
    let columns = base.count / rows
    let steps = updates.map { update in
      let rank = update.right.count
      let left = fixture.put(update.left.flatMap { $0 }, .f32, file: 1)
      let right = fixture.put(update.right.flatMap { $0 }, .f32, file: 1)
      func factor(_ tensor: TensorBytes, _ columns: Int) -> Factor {
        Factor(
          file: 1, offset: tensor.offset, dtype: .f32, rowStride: columns, columnStride: 1)
      }
      return fixture.update(
        .whole(rows, columns),
        .lowRank(
          LowRank(
            left: factor(left, rank), right: factor(right, columns), rank: rank,
            scale: update.scale)))
    }
    let recipe = fixture.tensor([rows, columns], source, as: output, steps)
    var results: [[Double]] = []
    for budget in [TileBudget(threads: 1), Budgets.tiny] {
      _ = try ShardMerge(slice: fixture.slice(), budget: budget).run(to: fixture.output) { _ in
        true
      }
      let bytes = Array(try WholeFile.read(fixture.output).dropFirst(fixture.expectedHeader.count))
      results.append(
        (0..<recipe.elementCount).map { Elements.number(bytes, $0 * output.byteCount, output) })
      try Folder.removeTree(fixture.output)
    }
    #expect(results[0] == results[1])
    return results[0]
  }

  /// Between 1 and 1 + 2⁻⁷, whose last bits are 0 and 1.
  private static let middle = 1 + 0x1p-8

  @Test func `an update too small for Float64 decides on a middle`() throws {
    let base = [Self.middle, Self.middle, Self.middle, -Self.middle, -Self.middle, -Self.middle]
    let update = (left: [[0x1p-60]], right: [[1.0, -1, 0, 1, -1, 0]], scale: 1 / 3.0)
    #expect(
      try merge(base, .f32, to: .bf16, .f64, [update])
        == [1 + 0x1p-7, 1, 1, -1, -1 - 0x1p-7, -1])
    // In Float32 it is gone, and even wins.
    #expect(try merge(base, .f32, to: .bf16, .f32, [update]) == [1, 1, 1, -1, -1, -1])
  }

  @Test func `what scaling cuts off decides on a middle`() throws {
    // s · (1 + 2⁻²³) is 2⁻⁸ + 2⁻⁵⁵ exactly for no Float64 s; the nearest ones lie on both sides.
    let sum = 1 + 0x1p-23
    let near = 0x1p-8 / sum
    for scale in [near.nextDown, near, near.nextUp] {
      let isAbove = (0x1p-8).isLess(than: sum, times: scale)
      #expect(
        try merge([1], .bf16, to: .bf16, .f64, [([[1.0]], [[sum]], scale)])
          == [isAbove ? 1 + 0x1p-7 : 1], "\(scale)")
    }
  }

  @Test func `a sum that all but cancels the base keeps its places`() throws {
    // 1 − (1 − 2⁻²⁴)(1 + 2⁻²³) = −2⁻²⁴ + 2⁻⁴⁷; in Float32 the product is 1.
    let update = (left: [[1 - 0x1p-24]], right: [[1 + 0x1p-23]], scale: -1.0)
    #expect(try merge([1], .f32, to: .f32, .f64, [update]) == [-0x1p-24 + 0x1p-47])
    #expect(try merge([1], .f32, to: .f32, .f32, [update]) == [0])
  }

  @Test func `an update of a second adapter does not undo the side that a first one took`() throws {
    let first = (left: [[0x1p-60]], right: [[1.0, -1]], scale: 1.0)
    let none = (left: [[0.0]], right: [[1.0, 1]], scale: 1.0)
    #expect(
      try merge([Self.middle, Self.middle], .f32, to: .bf16, .f64, [first, none])
        == [1 + 0x1p-7, 1])
  }

  @Test func `a base of Float64 is the same under both as long as it stays one`() throws {
    let update = (left: [[0.1], [0.3]], right: [[0.7, -0.9]], scale: 1 / 3.0)
    let base = [1 / 3.0, -0.2, 1e-3, 5]
    #expect(
      try merge(base, .f64, to: .f64, .f64, [update])
        == merge(base, .f64, to: .f64, .f32, [update]))
    let middle = Self.middle
    let tiny = (left: [[0x1p-80]], right: [[1.0]], scale: 1.0)
    #expect(try merge([middle], .f64, to: .bf16, .f64, [tiny]) == [1 + 0x1p-7])
    #expect(try merge([middle], .f64, to: .bf16, .f32, [tiny]) == [1])
  }
}

extension Double {
  /// self < a · b, where self and the product rounded are of one size.
  fileprivate func isLess(than a: Double, times b: Double) -> Bool {
    let product = a * b
    return product == self ? (-product).addingProduct(a, b) > 0 : self < product
  }
}
