// What is measured of an update: squares that are summed in a fixed order, and counts that add up
// in any. Rows are cut into runs from their first element on; a run is summed for itself, so that a
// sum of runs in file order does not depend on who worked on which part of a tensor.
import CKernels

/// A block whose rows begin with a run, on its way from the base to the output.
@unsafe package struct MeasuredBlock {
  let raw: ck_measured

  /// `base` and `written` are file elements, their rows `stride` elements apart; `value` is the
  /// working numbers between them, without gaps. `runsOfRow` is the runs from the totals of one
  /// row to the next one's.
  package init(
    base: UnsafeRawPointer, _ source: ElementType, value: UnsafeRawPointer,
    written: UnsafeMutableRawPointer, _ target: ElementType, rows: Int, columns: Int, stride: Int,
    runsOfRow: Int
  ) {
    unsafe raw = ck_measured(
      source: source.rawValue, target: target.rawValue, base: base, value: value,
      written: written, rows: rows, columns: columns, stride: stride,
      totals_stride: runsOfRow * MeasuredRuns.totals)
  }
}

/// The runs of rows, and the totals of each: the squares of W0, of Δ = w − W0, and of
/// (output − R(W0)) − Δ, where R rounds to the output's type.
package enum MeasuredRuns {
  /// Elements of a run; the last of a row may be shorter.
  package static let elementCount = Int(CK_MEASURED_RUN)
  /// Totals of a run.
  package static let totals = 3

  /// Runs of a row of so many elements.
  package static func count(_ elementCount: Int) -> Int {
    (elementCount + Self.elementCount - 1) / Self.elementCount
  }
}

/// Counts of elements, and the largest |Δ|; those that are not finite on their way count as changed
/// or overflowed alone.
package struct MeasuredCounts: Sendable {
  var raw = ck_counts()

  package init() {}

  package var largest: Double { raw.largest }
  /// Δ is not 0.
  package var moved: Int { Int(raw.moved) }
  /// The output differs from the base rounded to its type.
  package var changed: Int { Int(raw.changed) }
  /// Moved and not changed.
  package var vanished: Int { Int(raw.vanished) }
  /// Finite in the base and not in the output.
  package var overflowed: Int { Int(raw.overflowed) }

  /// Takes in elements of a finite output that no kernel reads.
  package mutating func add(largest: Float, moved: Int, changed: Int, vanished: Int) {
    raw.largest = max(raw.largest, Double(largest))
    raw.moved += UInt64(moved)
    raw.changed += UInt64(changed)
    raw.vanished += UInt64(vanished)
  }
}
