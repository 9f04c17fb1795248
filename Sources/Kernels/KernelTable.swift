// The Swift face of the C loops: one method a loop. Pointers are to runs of working numbers of the
// given precision unless an element type is named; counts are elements. Nothing is kept.
import CKernels

/// The inner loops of one instruction set.
///
/// Safe to share: it points at a constant table of C functions that is never freed.
@safe package struct KernelTable: @unchecked Sendable {
  package let set: InstructionSet
  private let table: OpaquePointer

  /// The loops of a set that this CPU supports; plain where it does not.
  package init(_ set: InstructionSet = .current) {
    if let table = unsafe ck_named(set.name) {
      self.set = set
      unsafe self.table = table
    } else {
      self.set = .plain
      unsafe self.table = ck_named(InstructionSet.plain.name)!
    }
  }

  /// File elements to working numbers. Exact, but F64 to single rounds to nearest even.
  package func widen(
    _ element: ElementType, _ from: UnsafeRawPointer, to: UnsafeMutableRawPointer,
    _ precision: Precision, count: Int
  ) {
    unsafe ck_widen(table, precision.rawValue, element.rawValue, from, to, count)
  }

  /// Working numbers to file elements, rounded once to nearest even; NaN becomes the canonical one,
  /// what is too large becomes infinity.
  package func narrow(
    _ precision: Precision, _ from: UnsafeRawPointer, to: UnsafeMutableRawPointer,
    _ element: ElementType, count: Int
  ) {
    unsafe ck_narrow(table, precision.rawValue, element.rawValue, from, to, count)
  }

  /// value ← value + scale · (left · right), contract `f32-once`.
  package func addProduct(_ product: PackedProduct, scale: Double) {
    unsafe withUnsafePointer(to: product.raw) {
      unsafe ck_add_product(table, product.precision.rawValue, $0, scale)
    }
  }

  /// value ← value + left · right, by fused multiply-adds along the rank on the value itself: a sum
  /// over a long rank may be taken in pieces, one after the other, with the same bits.
  package func sumProduct(_ product: PackedProduct) {
    unsafe withUnsafePointer(to: product.raw) {
      unsafe ck_sum_product(table, product.precision.rawValue, $0)
    }
  }

  /// value ← value + scale · other; the product is rounded, then the sum.
  package func addScaled(
    _ precision: Precision, _ value: UnsafeMutableRawPointer, _ other: UnsafeRawPointer,
    scale: Double, count: Int
  ) {
    unsafe ck_add_scaled(table, precision.rawValue, value, other, scale, count)
  }

  /// value ← value + scale · other in double, exactly, then rounded to odd: what is lost shows in
  /// the last bit, so that narrowing to a shorter type gives the exact sum rounded once. Exact as
  /// long as a product that is not 0 is at least 2⁻⁹⁶⁹.
  package func addSticky(
    _ value: UnsafeMutableRawPointer, _ other: UnsafeRawPointer, scale: Double, count: Int
  ) {
    unsafe ck_add_sticky(
      table, value.assumingMemoryBound(to: Double.self),
      other.assumingMemoryBound(to: Double.self), scale, count)
  }

  /// value ← value + amount · (other − value), rounded after each step.
  package func lerp(
    _ precision: Precision, _ value: UnsafeMutableRawPointer, _ other: UnsafeRawPointer,
    amount: Double, count: Int
  ) {
    unsafe ck_lerp(table, precision.rawValue, value, other, amount, count)
  }

  /// to ← factor · from; both may be the same run.
  package func scale(
    _ precision: Precision, _ from: UnsafeRawPointer, to: UnsafeMutableRawPointer,
    factor: Double, count: Int
  ) {
    unsafe ck_scale(table, precision.rawValue, from, to, factor, count)
  }

  /// to[j] ← factors[j] · from[j]; `from` and `to` may be the same run.
  package func scaleEach(
    _ precision: Precision, _ from: UnsafeRawPointer, factors: UnsafeRawPointer,
    to: UnsafeMutableRawPointer, count: Int
  ) {
    unsafe ck_scale_each(table, precision.rawValue, from, factors, to, count)
  }

  /// Adds the squares of a row's elements `first`… to its lanes (`SquareLanes`), in double.
  package func addRowSquares(
    _ precision: Precision, _ value: UnsafeRawPointer, count: Int, first: Int,
    to lanes: UnsafeMutablePointer<Double>
  ) {
    unsafe ck_row_squares(table, precision.rawValue, value, count, first, lanes)
  }

  /// sums[j] ← sums[j] + value[j]², in double.
  package func addColumnSquares(
    _ precision: Precision, _ value: UnsafeRawPointer, count: Int,
    to sums: UnsafeMutablePointer<Double>
  ) {
    unsafe ck_column_squares(table, precision.rawValue, value, count, sums)
  }

  /// How many numbers are not finite once rounded to `element`.
  package func nonFiniteCount(
    _ precision: Precision, _ value: UnsafeRawPointer, in element: ElementType, count: Int
  ) -> Int {
    // In single no finite number rounds to an infinity of F32 or F64, and the bound itself is one.
    let bound = precision == .single && element.byteCount >= 4 ? .infinity : element.overflow
    return unsafe ck_count_beyond(table, precision.rawValue, value, bound, count)
  }

  /// Rounds a block to its file elements as `narrow` does, and adds what an update did to it to the
  /// counts and to three totals for each run of each row (`MeasuredRuns`).
  package func roundMeasured(
    _ precision: Precision, _ block: MeasuredBlock, totals: UnsafeMutablePointer<Double>,
    _ counts: inout MeasuredCounts
  ) {
    unsafe withUnsafePointer(to: block.raw) { block in
      unsafe withUnsafeMutablePointer(to: &counts.raw) {
        unsafe ck_round_measured(table, precision.rawValue, block, totals, $0)
      }
    }
  }
}

/// File elements that the value of a product is made of, rows `stride` elements apart.
@unsafe package struct ProductBase {
  let start: UnsafeRawPointer
  let stride: Int
  let element: ElementType

  package init(_ start: UnsafeRawPointer, stride: Int, _ element: ElementType) {
    unsafe self.start = start
    unsafe self.stride = stride
    unsafe self.element = element
  }
}

/// A tile of a low-rank product, its factors packed as `Packing` says.
@unsafe package struct PackedProduct {
  let precision: Precision
  let raw: ck_product

  /// The first `skip` columns of `right` lie before the tile. `leftGroup` and `rightPanel` are the
  /// elements from one group of rows, or panel of columns, to the next. With a `base` the value
  /// holds nothing yet.
  package init(
    _ precision: Precision, value: UnsafeMutableRawPointer, stride: Int,
    base: ProductBase? = nil, rows: Int, columns: Int,
    skip: Int, rank: Int, left: UnsafeRawPointer, leftGroup: Int, right: UnsafeRawPointer,
    rightPanel: Int
  ) {
    unsafe self.precision = precision
    unsafe raw = ck_product(
      value: value, stride: stride, base: base?.start, base_stride: base?.stride ?? 0,
      base_element: base?.element.rawValue ?? 0, rows: rows, columns: columns, skip: skip,
      rank: rank,
      left: left, left_group: leftGroup, right: right, right_panel: rightPanel)
  }
}

/// Moves of elements that are the same for every instruction set.
package enum Elements {
  /// to[i] ← from[i · stride] for elements of 2, 4 or 8 bytes.
  package static func gather(
    _ from: UnsafeRawPointer, stride: Int, count: Int, byteCount: Int,
    to: UnsafeMutableRawPointer
  ) {
    unsafe ck_gather(from, stride, count, byteCount, to)
  }

  /// to[place.index(first + i)] ← from[i] for working numbers.
  package static func scatter(
    _ precision: Precision, _ from: UnsafeRawPointer, count: Int, first: Int,
    _ place: AxisPlacement, to: UnsafeMutableRawPointer
  ) {
    unsafe ck_scatter(
      from, count, precision.byteCount, first, place.group, place.groupStride, place.step, to)
  }
}
