// What the loops work on: element types in files, working numbers in memory, packed factors.
import CKernels

/// An element type that updates can be added to, as it lies in a file.
package enum ElementType: Int32, Equatable, Sendable, CaseIterable {
  case bf16 = 0
  case f16, f32, f64

  package var byteCount: Int {
    switch self {
    case .bf16, .f16: 2
    case .f32: 4
    case .f64: 8
    }
  }

  /// The smallest magnitude that rounds to infinity: half a step above the largest number.
  package var overflow: Double {
    switch self {
    case .bf16: 0x1.FFp127
    case .f16: 65520
    case .f32: 0x1.FFFFFFp127
    case .f64: .infinity
    }
  }
}

/// The type a tile is worked on in: single, or double.
package enum Precision: Int32, Equatable, Sendable, CaseIterable {
  case single = 0
  case double

  package var byteCount: Int { self == .single ? 4 : 8 }

  /// Columns of a packed panel of the right factor: the same for every instruction set.
  package var panelWidth: Int { Int(CK_PANEL_BYTES) / byteCount }
}

/// The packed form of a low rank's factors.
package enum Packing {
  /// Rows of a group of the packed left factor: element [i, k] lies at
  /// `i / 12 · 12 · rank + k · 12 + i % 12`.
  package static let leftRows = Int(CK_LEFT_ROWS)

  /// Elements of `rows` packed rows, padding included.
  package static func leftCount(rows: Int, rank: Int) -> Int {
    (rows + leftRows - 1) / leftRows * leftRows * rank
  }

  /// Elements of `columns` packed columns, padding included; they begin on a panel's first column.
  /// Element [k, j] lies at `j / width · width · rank + k · width + j % width`.
  package static func rightCount(columns: Int, rank: Int, _ precision: Precision) -> Int {
    let width = precision.panelWidth
    return (columns + width - 1) / width * width * rank
  }
}

/// Where the elements along one axis go: element n to
/// `n / group · groupStride + n % group · step`.
package struct AxisPlacement: Equatable, Sendable {
  package var group: Int
  package var groupStride: Int
  package var step: Int

  package init(group: Int, groupStride: Int, step: Int) {
    self.group = group
    self.groupStride = groupStride
    self.step = step
  }

  /// Equal steps without groups.
  package static func even(step: Int) -> AxisPlacement {
    AxisPlacement(group: .max, groupStride: 0, step: step)
  }

  package func index(_ n: Int) -> Int { n / group * groupStride + n % group * step }
}

/// Sums of squares of a row in a fixed number of lanes, so that a sum does not depend on the
/// vector width or on where the row was cut: element n goes to lane n % 16.
package enum SquareLanes {
  package static let count = Int(CK_SQUARE_LANES)

  /// The sum of all lanes, in pairs of halves: lane i with lane i + 8, then + 4, + 2, + 1. The
  /// lanes are used up.
  package static func total(_ lanes: UnsafeMutablePointer<Double>) -> Double {
    var half = count / 2
    while half > 0 {
      for i in 0..<half { unsafe lanes[i] += lanes[i + half] }
      half /= 2
    }
    return unsafe lanes[0]
  }
}
