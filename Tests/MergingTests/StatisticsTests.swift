import Kernels
import Planning
import Safetensors
import Storage
import Testing

@testable import Merging

/// What a merge says of its updates.
@Suite struct StatisticsTests {
  static func merge(_ fixture: Fixture, _ budget: TileBudget) throws -> [UpdateStatistics?] {
    let merged = try ShardMerge(slice: fixture.slice(), budget: budget)
      .run(to: fixture.output) { _ in true }
    try Folder.removeTree(fixture.output)
    return merged.tensors.map(\.update)
  }

  /// Budgets that hold whole runs and still cut in every other way.
  static let budgets: [TileBudget] = {
    var tight = TileBudget(memoryByteCount: 0, threads: 1)
    tight.panelByteCount = 0
    tight.tileByteCount = 16_384
    tight.blockByteCount = 16_384
    tight.leftByteCount = 4096
    tight.segmentByteCount = 8192
    var held = tight
    held.panelByteCount = 1 << 20
    held.tileByteCount = 65_536
    held.blockByteCount = 20_000
    return [
      TileBudget(threads: 1), TileBudget(threads: 4), TileBudget(memoryByteCount: 0, threads: 3),
      tight, Budgets.with(tight, threads: 2), held, Budgets.with(held, threads: 3),
    ]
  }()

  @Test func `the numbers are the same however the tensors are cut`() throws {
    let fixture = try Fixture(seed: 5)
    for (shape, source, target): ([Int], DType, DType) in [
      ([70, 90], .bf16, .bf16), ([40, 1000], .bf16, .bf16), ([3, 20_000], .f16, .f16),
      ([130, 513], .f32, .bf16), ([9000, 3], .bf16, .f32), ([60, 700], .f64, .f64),
      ([2, 9000], .f64, .f32),
    ] {
      let window = Window.whole(shape[0], shape[1])
      fixture.tensor(
        shape, source, as: target,
        [fixture.update(window, .lowRank(fixture.lowRank(window, rank: 5, scale: 0.01)))])
    }
    fixture.tensor(
      [33_000], .bf16,
      [fixture.update(.whole(33_000, 1), .add(fixture.put(33_000, .f32), scale: 0.02))])
    let window = Window.whole(90, 1100)
    fixture.tensor(
      [90, 1100], .bf16,
      [
        fixture.update(
          window,
          .dora(
            fixture.lowRank(window, rank: 3), magnitude: fixture.put(90, .f32), axis: .row,
            strength: 1))
      ])
    let expected = try Self.merge(fixture, Self.budgets[0])
    for budget in Self.budgets.dropFirst() {
      let found = try Self.merge(fixture, budget)
      for (index, statistics) in found.enumerated() {
        #expect(statistics == expected[index], "\(fixture.recipes[index].shape) with \(budget)")
      }
    }
    // Below the smallest budget all but the last bits stay.
    for budget in Budgets.all {
      for (found, wanted) in zip(try Self.merge(fixture, budget), expected) {
        let (found, wanted) = (try #require(found), try #require(wanted))
        #expect(abs(found.updateNorm - wanted.updateNorm) <= 1e-6 * wanted.updateNorm)
        #expect(abs(found.lostNorm - wanted.lostNorm) <= 1e-6 * wanted.updateNorm)
        #expect(found.largest == wanted.largest && found.changed == wanted.changed)
        #expect(found.moved == wanted.moved && found.vanished == wanted.vanished)
      }
    }
  }

  @Test func `an update is measured before it is rounded and after`() throws {
    let fixture = try Fixture()
    let base = fixture.put([1, 1, 0.5, -3, 0, 2], .bf16, file: 0)
    let change = fixture.put([0x1p-9, 0x1.8p-8, 0.25, 0, 0, 0], .f32, file: 1)
    fixture.tensor([2, 3], base, [fixture.update(.whole(2, 3), .add(change, scale: 1))])
    fixture.tensor([2, 3], base, as: .f32, [fixture.update(.whole(2, 3), .add(change, scale: 1))])
    let found = try Self.merge(fixture, TileBudget(threads: 1))
    let squares = 0x1p-18 + 0x1.2p-15 + 0x1p-4
    var expected = UpdateStatistics(
      baseNorm: 15.25.squareRoot(), updateNorm: squares.squareRoot(),
      lostNorm: 0x1p-17.squareRoot(), largest: 0.25, moved: 3, changed: 2, vanished: 1)
    #expect(found[0] == expected)
    (expected.lostNorm, expected.changed, expected.vanished) = (0, 3, 0)
    #expect(found[1] == expected && expected.lost == 0)
  }

  @Test func `an update that vanishes in BF16 is lost whole`() throws {
    let fixture = try Fixture()
    let base = fixture.put((0..<600).map { 1 + Double($0 % 100) / 128 }, .bf16, file: 0)
    let change = fixture.put([Double](repeating: 0x1p-10, count: 600), .f32, file: 1)
    fixture.tensor([2, 300], base, [fixture.update(.whole(2, 300), .add(change, scale: 1))])
    let found = try #require(try Self.merge(fixture, TileBudget(threads: 2))[0])
    #expect(found.lost == 1 && found.changed == 0 && found.moved == 600 && found.vanished == 600)
    #expect(found.largest == 0x1p-10 && found.updateNorm == (600 * 0x1p-20).squareRoot())
  }

  @Test func `elements that overflow are counted where they are kept`() throws {
    let fixture = try Fixture()
    let base = fixture.put([65000, 1, -65000, .infinity], .f16, file: 0)
    let change = fixture.put([1000, 1, -1000, 1], .f32, file: 1)
    fixture.tensor([2, 2], base, [fixture.update(.whole(2, 2), .add(change, scale: 1))])
    fixture.options.nonFinite = .keep
    #expect(
      try Self.merge(fixture, TileBudget(threads: 1))[0]
        == UpdateStatistics(
          baseNorm: 1, updateNorm: 1, largest: 1, moved: 1, changed: 3, overflowed: 2))
  }

  @Test func `what no update touches is not measured, and an update of nothing is`() throws {
    let fixture = try Fixture()
    fixture.tensor([20, 20])
    fixture.tensor([20, 20], .bf16, as: .f32)
    let zeros = fixture.put([Double](repeating: 0, count: 400), .f32, file: 1)
    fixture.tensor([20, 20], [fixture.update(.whole(20, 20), .add(zeros, scale: 1))])
    fixture.tensor([0, 4], [fixture.update(.whole(0, 4), .add(fixture.put(0, .f32), scale: 1))])
    let found = try Self.merge(fixture, TileBudget(threads: 1))
    #expect(found[0] == nil && found[1] == nil)
    #expect(found[2]?.ratio == 0 && found[2]?.changed == 0 && (found[2]?.baseNorm ?? 0) > 0)
    #expect(found[3] == UpdateStatistics())
  }

  @Test func `sums beyond Float64 stand as its largest number`() throws {
    let fixture = try Fixture()
    let base = fixture.put([1e200, 1e200], .f64, file: 0)
    let change = fixture.put([1e190, 1], .f64, file: 1)
    fixture.tensor([1, 2], base, [fixture.update(.whole(1, 2), .add(change, scale: 1))])
    let found = try #require(try Self.merge(fixture, TileBudget(threads: 1))[0])
    #expect(found.baseNorm == .greatestFiniteMagnitude && found.largest > 1e189)
  }
}
