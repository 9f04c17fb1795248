import Planning
import Safetensors
import Testing

/// Every rule against the reference, bit for bit, for splits of memory that cut it in every way and
/// for one to four threads.
@Suite struct RuleTests {
  @Test func `untouched tensors are copied in any dtype`() throws {
    let fixture = try Fixture()
    for dtype in DType.allCases {
      let offset = Int64(fixture.files[0].count)
      let source = TensorBytes(file: 0, offset: offset, dtype: dtype, elementCount: 24)
      fixture.files[0] += (0..<source.byteCount).map { UInt8(truncatingIfNeeded: $0 * 37 + offset) }
      fixture.tensor([4, 6], source)
    }
    fixture.tensor([3000], .bf16)
    try fixture.expectReference()
  }

  @Test func `a NaN in an untouched tensor keeps its payload`() throws {
    let fixture = try Fixture()
    let source = TensorBytes(
      file: 0, offset: Int64(fixture.files[0].count), dtype: .bf16, elementCount: 2)
    fixture.files[0] += [0x81, 0x7F, 0xFF, 0xFF]
    fixture.tensor([2], source)
    try fixture.expectReference()
  }

  @Test func `empty tensors and scalars pass`() throws {
    let fixture = try Fixture()
    fixture.tensor([0])
    fixture.tensor([3, 0], columns: 0)
    fixture.tensor([0, 5], columns: 5, as: .f32)
    fixture.tensor([], columns: 1, .f32)
    let window = Window.whole(1, 1)
    fixture.tensor(
      [], columns: 1, .f32, [fixture.update(window, .add(fixture.put(1, .f32), scale: 2))])
    fixture.tensor([0], as: .f32)
    try fixture.expectReference()
  }

  @Test func `every dtype is rounded once to every other`() throws {
    let fixture = try Fixture()
    for source in [DType.bf16, .f16, .f32, .f64] {
      for output in [DType.bf16, .f16, .f32] { fixture.tensor([7, 33], source, as: output) }
    }
    try fixture.expectReference()
  }

  @Test(arguments: [DType.bf16, .f16, .f32, .f64])
  func `low rank is added to each dtype`(_ dtype: DType) throws {
    let fixture = try Fixture()
    for (rows, columns, rank) in [(40, 70, 3), (1, 200, 5), (130, 1, 2), (13, 33, 16), (25, 64, 1)]
    {
      let window = Window.whole(rows, columns)
      for adapter in [DType.bf16, .f16, .f32, .f64] {
        let product = fixture.lowRank(window, rank: rank, scale: 1 / 3, adapter)
        fixture.tensor([rows, columns], dtype, [fixture.update(window, .lowRank(product))])
      }
    }
    try fixture.expectReference()
  }

  @Test func `a long rank in pieces gives the same sum`() throws {
    let fixture = try Fixture()
    let window = Window(rows: 2..<20, columns: 5..<50)
    for dtype in [DType.bf16, .f64] {
      let product = fixture.lowRank(window, rank: 150)
      fixture.tensor([21, 60], dtype, [fixture.update(window, .lowRank(product))])
    }
    try fixture.expectReference()
  }

  @Test func `several adapters are added in their order`() throws {
    let fixture = try Fixture()
    let window = Window.whole(30, 50)
    let updates = (1...4).map {
      fixture.update(window, .lowRank(fixture.lowRank(window, rank: $0, scale: Double($0) / 7)))
    }
    fixture.tensor([30, 50], .f32, updates)
    fixture.tensor([30, 50], .f32, updates.reversed())
    try fixture.expectReference()
  }

  @Test func `transposed factors are read by their strides`() throws {
    let fixture = try Fixture()
    let window = Window.whole(45, 77)
    let product = fixture.lowRank(window, rank: 6, transposed: true)
    fixture.tensor([45, 77], [fixture.update(window, .lowRank(product))])
    // The same tensor as a right factor here and, transposed, as a left one.
    let shared = fixture.factor(4, 40)
    let turned = Factor(
      file: 1, offset: shared.offset, dtype: .f32, rowStride: 1, columnStride: 40)
    let square = Window.whole(40, 40)
    fixture.tensor(
      [40, 40],
      [fixture.update(square, .lowRank(LowRank(left: turned, right: shared, rank: 4, scale: 1)))])
    try fixture.expectReference()
  }

  @Test func `halves of heads alternate where a factor says so`() throws {
    let fixture = try Fixture()
    let window = Window.whole(24, 40)
    for transposed in [false, true] {
      for rank in [1, 5] {
        var product = fixture.lowRank(window, rank: rank, transposed: transposed)
        product.left.headRows = 8
        fixture.tensor([24, 40], .f32, [fixture.update(window, .lowRank(product))])
        let magnitude = fixture.put(24, .f32)
        fixture.tensor(
          [24, 40], .f32,
          [
            fixture.update(
              window, .dora(product, magnitude: magnitude, axis: .row, strength: 1))
          ])
      }
    }
    try fixture.expectReference()
  }

  @Test func `experts take their own rows and interleaved columns`() throws {
    let fixture = try Fixture()
    let experts = 5
    let rank = 3
    let rows = 14
    let columns = 37
    for isSwapped in [false, true] {
      let (height, width) = isSwapped ? (columns, rows) : (rows, columns)
      let a = fixture.put(rank * experts * columns, .f32)
      let b = fixture.put(rows * rank * experts, .f32)
      let updates = (0..<experts).map { expert in
        // A: rows of an expert follow one another. B: column k·E + e.
        let down = Factor(
          file: 1, offset: a.offset + Int64(expert * rank * columns * 4), dtype: .f32,
          rowStride: columns, columnStride: 1)
        let up = Factor(
          file: 1, offset: b.offset + Int64(expert * 4), dtype: .f32,
          rowStride: rank * experts, columnStride: experts)
        let product =
          isSwapped
          ? LowRank(left: turned(down), right: turned(up), rank: rank, scale: 0.5)
          : LowRank(left: up, right: down, rank: rank, scale: 0.5)
        return fixture.update(
          Window(rows: (expert * height)..<((expert + 1) * height), columns: 0..<width),
          .lowRank(product))
      }
      fixture.tensor([experts, height, width], columns: width, updates)
    }
    try fixture.expectReference()
  }

  private func turned(_ factor: Factor) -> Factor {
    Factor(
      file: factor.file, offset: factor.offset, dtype: factor.dtype,
      rowStride: factor.columnStride, columnStride: factor.rowStride)
  }

  @Test func `only the window is touched`() throws {
    let fixture = try Fixture()
    let windows = [
      Window(rows: 3..<17, columns: 0..<90), Window(rows: 0..<30, columns: 31..<65),
      Window(rows: 29..<30, columns: 89..<90), Window(rows: 5..<5, columns: 0..<90),
    ]
    for window in windows {
      fixture.tensor(
        [30, 90], .f16, [fixture.update(window, .lowRank(fixture.lowRank(window, rank: 4)))])
    }
    let source = fixture.put((0..<100).map { $0 == 50 ? .nan : 1 }, .f32, file: 0)
    let window = Window(rows: 0..<2, columns: 0..<10)
    fixture.tensor(
      [10, 10], source, [fixture.update(window, .lowRank(fixture.lowRank(window, rank: 1)))])
    try fixture.expectReference()
  }

  @Test(arguments: [Rule.Axis.row, .column])
  func `DoRA scales to the magnitude`(_ axis: Rule.Axis) throws {
    let fixture = try Fixture()
    for dtype in [DType.bf16, .f32, .f64] {
      for (rows, columns) in [(30, 70), (5, 400), (90, 3)] {
        let window = Window.whole(rows, columns)
        for strength in [1, 0.7] {
          let magnitude = fixture.put(axis == .row ? rows : columns, .f32)
          fixture.tensor(
            [rows, columns], dtype,
            [
              fixture.update(
                window,
                .dora(
                  fixture.lowRank(window, rank: 3), magnitude: magnitude, axis: axis,
                  strength: strength))
            ])
        }
      }
    }
    try fixture.expectReference()
  }

  @Test(arguments: [Rule.Axis.row, .column])
  func `DoRA leaves a row or column of norm 0 as it is`(_ axis: Rule.Axis) throws {
    let fixture = try Fixture()
    let rows = 20
    let columns = 40
    let window = Window.whole(rows, columns)
    let source = fixture.put(
      (0..<(rows * columns)).map { $0 / columns == 4 || $0 % columns == 33 ? 0 : 1 }, .bf16, file: 0
    )
    let left = fixture.put((0..<rows).map { $0 == 4 ? 0 : 1 }, .f32, file: 1)
    let right = fixture.put((0..<columns).map { $0 == 33 ? 0 : 1 }, .f32, file: 1)
    let product = LowRank(
      left: Factor(file: 1, offset: left.offset, dtype: .f32, rowStride: 1, columnStride: 1),
      right: Factor(
        file: 1, offset: right.offset, dtype: .f32, rowStride: columns, columnStride: 1),
      rank: 1, scale: 1)
    for strength in [1, 0.5] {
      fixture.tensor(
        [rows, columns], source,
        [
          fixture.update(
            window,
            .dora(
              product, magnitude: fixture.put(axis == .row ? rows : columns, .f32), axis: axis,
              strength: strength))
        ])
    }
    try fixture.expectReference()
  }

  @Test func `DoRA goes with other updates before and after it`() throws {
    let fixture = try Fixture()
    let whole = Window.whole(36, 80)
    let part = Window(rows: 4..<30, columns: 7..<75)
    func dora(_ window: Window, _ axis: Rule.Axis, _ strength: Double) -> Update {
      fixture.update(
        window,
        .dora(
          fixture.lowRank(window, rank: 2),
          magnitude: fixture.put(axis == .row ? window.rows.count : window.columns.count, .f32),
          axis: axis, strength: strength))
    }
    let plain = fixture.update(part, .lowRank(fixture.lowRank(part, rank: 5)))
    fixture.tensor([36, 80], [plain, dora(whole, .row, 1), plain])
    fixture.tensor([36, 80], [dora(whole, .row, 0.5), dora(part, .column, 1), plain])
    fixture.tensor([36, 80], [plain, dora(part, .column, 1), dora(whole, .row, 1)])
    fixture.tensor([36, 80], [dora(part, .row, 1), dora(whole, .column, 0.25)])
    try fixture.expectReference()
  }

  @Test func `tensors are added and replaced whole`() throws {
    let fixture = try Fixture()
    for (rows, columns) in [(200, 1), (20, 45)] {
      let window = Window.whole(rows, columns)
      let count = rows * columns
      let shape = columns == 1 ? [rows] : [rows, columns]
      for dtype in [DType.bf16, .f32, .f64] {
        let v = fixture.put(count, .f32)
        let other = fixture.put(count, .f16)
        fixture.tensor(shape, dtype, [fixture.update(window, .add(v, scale: 1 / 3))])
        fixture.tensor(shape, dtype, [fixture.update(window, .replace(v, strength: 1))])
        fixture.tensor(
          shape, dtype,
          [
            fixture.update(window, .replace(v, strength: 0.3)),
            fixture.update(window, .add(other, scale: -2)),
          ])
      }
    }
    let slice = Window(rows: 5..<30, columns: 0..<1)
    fixture.tensor([40], [fixture.update(slice, .add(fixture.put(25, .f32), scale: 1))])
    let inner = Window(rows: 1..<9, columns: 3..<40)
    fixture.tensor(
      [10, 50], [fixture.update(inner, .replace(fixture.put(8 * 37, .bf16), strength: 0.5))])
    try fixture.expectReference()
  }

  @Test func `rows are replaced by their numbers`() throws {
    let fixture = try Fixture()
    let window = Window.whole(50, 37)
    let rows = [49, 0, 7, 31, 7]
    for strength in [1, 0.6] {
      let v = fixture.put(rows.count * 37, .f32)
      fixture.tensor([50, 37], [fixture.update(window, .replaceRows(rows, v, strength: strength))])
    }
    try fixture.expectReference()
  }
}
