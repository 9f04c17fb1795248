// One loop put to the proof: it runs over fixed inputs of every length and tail that matters, and
// the bytes it leaves are digested. Where arithmetic could give a NaN the inputs keep away from it:
// which one comes out is the machine's own affair until it is narrowed.
import Kernels
import Storage

/// A loop, its inputs, and the digest of what it made of them so far.
struct LoopTrial: ~Copyable {
  private let kernels: KernelTable
  private let precision: Precision
  private let inputs: KnownInputs
  private var digester = Digester(.xxh3)

  /// Around whole vectors of every set, and around the counts that loops keep in blocks.
  private static let lengths = [1, 5, 16, 31, 33, 100, 4095, 4097]

  init(_ kernels: KernelTable, _ precision: Precision, _ inputs: KnownInputs) {
    self.kernels = kernels
    self.precision = precision
    self.inputs = inputs
  }

  /// The digest of all that the loop makes.
  consuming func answer(_ loop: KnownAnswers.Loop) -> Digest {
    switch loop {
    case .widen: widen()
    case .narrow: narrow()
    case .addProduct: multiply(isSum: false)
    case .sumProduct: multiply(isSum: true)
    case .addScaled, .addSticky, .lerp, .scale, .scaleEach: combine(loop)
    case .addRowSquares: addRowSquares()
    case .addColumnSquares: addColumnSquares()
    case .nonFiniteCount: countNonFinite()
    case .measure: measure()
    }
    return digester.finish()
  }

  private mutating func take(_ buffer: Buffer, byteCount: Int) {
    unsafe digester.update(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<byteCount]).bytes)
  }

  /// Finite numbers to work on, from the `first` of their spread.
  private func copy(spread: UInt64, from first: Int = 0, count: Int) -> Buffer {
    let source = unsafe inputs.finite(precision, spread: spread, from: first, count: count)
    let buffer = Buffer(byteCount: count * precision.byteCount)
    unsafe buffer.bytes.copyMemory(
      from: UnsafeRawBufferPointer(start: source, count: count * precision.byteCount))
    return buffer
  }

  // MARK: Conversions

  /// Every pattern of the types of two bytes; of the longer ones every power, at all edges.
  private mutating func widen() {
    let target = Buffer(byteCount: 1 << 16 * precision.byteCount)
    for element in ElementType.allCases {
      let source =
        switch element {
        case .bf16, .f16: inputs.everyShort
        case .f32: inputs.patterns(.single)
        case .f64: inputs.patterns(.double)
        }
      unsafe kernels.widen(
        element, source.bytes.baseAddress!, to: target.bytes.baseAddress!, precision,
        count: 1 << 16)
      take(target, byteCount: 1 << 16 * precision.byteCount)
    }
  }

  private mutating func narrow() {
    let source = inputs.patterns(precision)
    let target = Buffer(byteCount: 8 << 16)
    for element in ElementType.allCases {
      for count in Self.lengths + [1 << 16] {
        unsafe kernels.narrow(
          precision, source.bytes.baseAddress!, to: target.bytes.baseAddress!, element,
          count: count)
        take(target, byteCount: count * element.byteCount)
      }
    }
  }

  private mutating func countNonFinite() {
    let source = inputs.patterns(precision)
    for element in ElementType.allCases {
      for count in Self.lengths + [1 << 16] {
        let found = unsafe kernels.nonFiniteCount(
          precision, source.bytes.baseAddress! + (1 << 16 - count) * precision.byteCount,
          in: element, count: count)
        take(found)
      }
    }
  }

  private mutating func take(_ count: Int) {
    unsafe withUnsafeBytes(of: count.littleEndian) { unsafe digester.update($0.bytes) }
  }

  // MARK: Runs

  private mutating func combine(_ loop: KnownAnswers.Loop) {
    for count in Self.lengths {
      let value = copy(spread: 30, count: count)
      let other = copy(spread: 30, from: 4097, count: count)
      let (to, from) = unsafe (value.bytes.baseAddress!, other.bytes.baseAddress!)
      switch loop {
      case .addScaled: unsafe kernels.addScaled(precision, to, from, scale: 0.7, count: count)
      case .addSticky: unsafe kernels.addSticky(to, from, scale: 0.7, count: count)
      case .lerp: unsafe kernels.lerp(precision, to, from, amount: 0.7, count: count)
      case .scale:
        unsafe kernels.scale(precision, from, to: to, factor: -1.3, count: count)
        take(value, byteCount: count * precision.byteCount)
        // Down to where numbers lose places, and to nothing.
        let factor = precision == .single ? 0x1p-120 : 0x1p-1050
        unsafe kernels.scale(precision, to, to: to, factor: factor, count: count)
      default:
        unsafe kernels.scaleEach(precision, from, factors: to, to: from, count: count)
        take(other, byteCount: count * precision.byteCount)
      }
      take(value, byteCount: count * precision.byteCount)
    }
  }

  /// Rows in two parts, cut anywhere.
  private mutating func addRowSquares() {
    let lanes = Buffer(byteCount: SquareLanes.count * 8)
    let sums = unsafe lanes.bytes.bindMemory(to: Double.self).baseAddress!
    for count in Self.lengths {
      let start = unsafe inputs.finite(precision, spread: 30, count: count)
      let cut = count / 3
      unsafe kernels.addRowSquares(precision, start, count: cut, first: 0, to: sums)
      unsafe kernels.addRowSquares(
        precision, start + cut * precision.byteCount, count: count - cut, first: cut, to: sums)
      take(lanes, byteCount: SquareLanes.count * 8)
    }
    unsafe take(Int(bitPattern: UInt(SquareLanes.total(sums).bitPattern)))
  }

  private mutating func addColumnSquares() {
    let totals = Buffer(byteCount: 4097 * 8)
    let sums = unsafe totals.bytes.bindMemory(to: Double.self).baseAddress!
    for count in Self.lengths {
      let row = unsafe inputs.finite(precision, spread: 30, count: count)
      unsafe kernels.addColumnSquares(precision, row, count: count, to: sums)
      take(totals, byteCount: 4097 * 8)
    }
  }

  /// Rows on their way from each type to itself and to the next one.
  private mutating func measure() {
    let totals = Buffer(byteCount: 17 * MeasuredRuns.totals * 8)
    let sums = unsafe totals.bytes.bindMemory(to: Double.self).baseAddress!
    let base = Buffer(byteCount: 4097 * 8)
    let written = Buffer(byteCount: 4097 * 8)
    var counts = MeasuredCounts()
    for source in ElementType.allCases where source != .f64 || precision == .double {
      for target in [source, ElementType(rawValue: (source.rawValue + 1) % 4)!] {
        for count in Self.lengths {
          let value = copy(spread: 12, count: count)
          let start = unsafe UnsafeRawPointer(value.bytes.baseAddress!)
          unsafe kernels.narrow(
            precision, start, to: base.bytes.baseAddress!, source, count: count)
          unsafe kernels.scale(
            precision, start, to: value.bytes.baseAddress!, factor: 1.01, count: count)
          unsafe kernels.roundMeasured(
            precision,
            MeasuredBlock(
              base: base.bytes.baseAddress!, source, value: start,
              written: written.bytes.baseAddress!, target, rows: 1, columns: count, stride: count,
              runsOfRow: 0),
            totals: sums, &counts)
          take(totals, byteCount: 17 * MeasuredRuns.totals * 8)
        }
        for count in [counts.moved, counts.changed, counts.vanished, counts.overflowed] {
          take(count)
        }
        take(Int(bitPattern: UInt(counts.largest.bitPattern)))
      }
    }
  }

  // MARK: Products

  /// Tiles with every kind of edge: rows that fill no group, columns that begin inside of a panel
  /// and end inside of another, ranks from 1 to beyond every block.
  private static let tiles: [(rows: Int, columns: Int, skip: Int, rank: Int)] = [
    (1, 1, 0, 1), (5, 33, 7, 3), (12, 32, 0, 16), (26, 77, 15, 64), (13, 45, 9, 200),
    (24, 96, 0, 8),
  ]

  private mutating func multiply(isSum: Bool) {
    for tile in Self.tiles {
      // Three numbers between two rows are nobody's, and must stay.
      let stride = tile.columns + 3
      let count = tile.rows * stride
      let value = copy(spread: 12, count: count)
      let base = Buffer(byteCount: count * 2)
      let (leftCount, rightCount) = (tile.rows * tile.rank, tile.rank * tile.columns)
      let left = unsafe inputs.finite(precision, spread: 12, from: count, count: leftCount)
      let right = unsafe inputs.finite(
        precision, spread: 12, from: count + leftCount, count: rightCount)
      // A long sum is taken in pieces.
      let cut = isSum && tile.rank > 100 ? tile.rank / 3 : 0
      for ranks in [0..<cut, cut..<tile.rank] where !ranks.isEmpty {
        let packedLeft = unsafe packLeft(left, rows: tile.rows, rank: tile.rank, ranks)
        let packedRight = unsafe packRight(right, columns: tile.columns, skip: tile.skip, ranks)
        func product(_ base: ProductBase? = nil) -> PackedProduct {
          unsafe PackedProduct(
            precision, value: value.bytes.baseAddress!, stride: stride, base: base,
            rows: tile.rows, columns: tile.columns, skip: tile.skip, rank: ranks.count,
            left: packedLeft.bytes.baseAddress!, leftGroup: Packing.leftRows * ranks.count,
            right: packedRight.bytes.baseAddress!, rightPanel: precision.panelWidth * ranks.count)
        }
        if isSum {
          unsafe kernels.sumProduct(product())
          continue
        }
        unsafe kernels.addProduct(product(), scale: 0.3)
        for element in [ElementType.bf16, .f16] {
          take(value, byteCount: count * precision.byteCount)
          unsafe kernels.narrow(
            precision, value.bytes.baseAddress!, to: base.bytes.baseAddress!, element,
            count: count)
          unsafe kernels.addProduct(
            product(ProductBase(base.bytes.baseAddress!, stride: stride, element)), scale: 0.3)
        }
      }
      take(value, byteCount: count * precision.byteCount)
    }
  }

  /// Rows of `rank` numbers, packed as for a merge.
  private func packLeft(_ left: UnsafeRawPointer, rows: Int, rank: Int, _ ranks: Range<Int>)
    -> Buffer
  {
    let size = precision.byteCount
    let packed = Buffer(byteCount: Packing.leftCount(rows: rows, rank: ranks.count) * size)
    let place = AxisPlacement(
      group: Packing.leftRows, groupStride: Packing.leftRows * ranks.count, step: 1)
    for row in 0..<rows {
      unsafe Elements.scatter(
        precision, left + (row * rank + ranks.lowerBound) * size,
        count: ranks.count, first: 0, .even(step: Packing.leftRows),
        to: packed.bytes.baseAddress! + place.index(row) * size)
    }
    return packed
  }

  private func packRight(
    _ right: UnsafeRawPointer, columns: Int, skip: Int, _ ranks: Range<Int>
  ) -> Buffer {
    let size = precision.byteCount
    let width = precision.panelWidth
    let packed = Buffer(
      byteCount: Packing.rightCount(columns: skip + columns, rank: ranks.count, precision) * size)
    for rank in ranks {
      unsafe Elements.scatter(
        precision, right + rank * columns * size, count: columns, first: skip,
        AxisPlacement(group: width, groupStride: width * ranks.count, step: 1),
        to: packed.bytes.baseAddress! + (rank - ranks.lowerBound) * width * size)
    }
    return packed
  }
}
