// What the updates of one tensor did to it, measured while it was merged:
//
//   {"baseNorm":12.5,"updateNorm":0.25,"lostNorm":0.03125,"largest":0.0078125,
//    "moved":4096,"changed":4000,"vanished":96,"overflowed":0}
//
// W0 is the base, widened; w the merged value before it is rounded to the output's type, in the
// precision it is worked on in; Δ = w − W0; R rounds to the output's type.
package import OrderedJSON

/// The size of a tensor's update and of what rounding left of it.
///
/// Elements that are not finite in the base, on their way or in the output are in no norm and in
/// none of `largest`, `moved` and `vanished`. A sum beyond Float64 stands as the largest number.
/// The numbers depend on inputs and options alone.
package struct UpdateStatistics: Hashable, Sendable {
  /// ‖W0‖, the root of the sum of squares.
  package var baseNorm: Double
  /// ‖Δ‖.
  package var updateNorm: Double
  /// ‖(output − R(W0)) − Δ‖: what rounding took from the update, or gave to it.
  package var lostNorm: Double
  /// The largest |Δ|.
  package var largest: Double
  /// Elements whose Δ is not 0.
  package var moved: Int
  /// Elements whose output differs from R(W0).
  package var changed: Int
  /// Elements moved and not changed.
  package var vanished: Int
  /// Elements finite in the base and not in the output.
  package var overflowed: Int

  package init(
    baseNorm: Double = 0, updateNorm: Double = 0, lostNorm: Double = 0, largest: Double = 0,
    moved: Int = 0, changed: Int = 0, vanished: Int = 0, overflowed: Int = 0
  ) {
    self.baseNorm = baseNorm
    self.updateNorm = updateNorm
    self.lostNorm = lostNorm
    self.largest = largest
    self.moved = moved
    self.changed = changed
    self.vanished = vanished
    self.overflowed = overflowed
  }

  /// ‖Δ‖ / ‖W0‖; nil where the base is all zeros and the update is not.
  package var ratio: Double? {
    updateNorm == 0 ? 0 : baseNorm == 0 ? nil : updateNorm / baseNorm
  }

  /// The share of the update that rounding lost, ‖(output − R(W0)) − Δ‖ / ‖Δ‖ and at most 1: 0
  /// where all of it is in the output, 1 where nothing is. Where base and output have the same type
  /// no element loses more than its Δ; where they have not, the base's own rounding can drown it.
  package var lost: Double { updateNorm == 0 ? 0 : min(1, lostNorm / updateNorm) }

  /// Takes in another tensor's numbers.
  package mutating func add(_ other: UpdateStatistics) {
    func both(_ a: Double, _ b: Double) -> Double {
      let large = max(a, b)
      guard large > 0 else { return 0 }
      // Scaled, so that the square of a large norm is no infinity and of a small one no zero.
      let (x, y) = (a / large, b / large)
      return min(large * (x * x + y * y).squareRoot(), .greatestFiniteMagnitude)
    }
    baseNorm = both(baseNorm, other.baseNorm)
    updateNorm = both(updateNorm, other.updateNorm)
    lostNorm = both(lostNorm, other.lostNorm)
    largest = max(largest, other.largest)
    moved += other.moved
    changed += other.changed
    vanished += other.vanished
    overflowed += other.overflowed
  }

  /// Writes them as the next value; doubles so that they read back as the same bits.
  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("baseNorm", PlanCodec.number(baseNorm))
      writer.member("updateNorm", PlanCodec.number(updateNorm))
      writer.member("lostNorm", PlanCodec.number(lostNorm))
      writer.member("largest", PlanCodec.number(largest))
      writer.member("moved", moved)
      writer.member("changed", changed)
      writer.member("vanished", vanished)
      writer.member("overflowed", overflowed)
    }
  }

  /// Reads what `write` wrote.
  package static func read(from reader: inout JSONReader) throws(PlanError) -> UpdateStatistics {
    var statistics = UpdateStatistics()
    var missing = RequiredMembers([
      "baseNorm", "updateNorm", "lostNorm", "largest", "moved", "changed", "vanished",
      "overflowed",
    ])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "baseNorm": statistics.baseNorm = try size(key, &reader)
      case "updateNorm": statistics.updateNorm = try size(key, &reader)
      case "lostNorm": statistics.lostNorm = try size(key, &reader)
      case "largest": statistics.largest = try size(key, &reader)
      case "moved": statistics.moved = try reader.count(key)
      case "changed": statistics.changed = try reader.count(key)
      case "vanished": statistics.vanished = try reader.count(key)
      case "overflowed": statistics.overflowed = try reader.count(key)
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    return statistics
  }

  /// A finite number that is not below 0.
  private static func size(
    _ member: String, _ reader: inout JSONReader
  ) throws(PlanError) -> Double {
    let number = try reader.double(member)
    guard number.isFinite, number >= 0 else { throw .invalid(member: member, found: "\(number)") }
    return number
  }
}
