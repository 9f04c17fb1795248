// What a soak did, as people read it:
//
//                              blows   in flight
//   kill -9 a worker           12      15
//   all that may cost work     31      44
import Planning

/// Blows by kind, and what they cost.
struct SoakTable {
  private var rows = SoakBlow.allCases.map { (blow: $0, count: 0, inFlight: 0) }
  /// Merges beyond one a job, over all runs.
  private(set) var recomputed = 0
  /// Merges in flight on whom a blow hit that may cost work, each counted once.
  private(set) var inFlight = 0

  mutating func add(_ strikes: [SoakStrike], _ history: SoakHistory, recomputed: Int) {
    var all: Set<AttemptID> = []
    for strike in strikes {
      let hit = history.inFlight(strike)
      if strike.blow.mayCostWork { all.formUnion(hit) }
      if let row = rows.firstIndex(where: { $0.blow == strike.blow }) {
        rows[row].count += 1
        rows[row].inFlight += hit.count
      }
    }
    self.recomputed += recomputed
    inFlight += all.count
  }

  var text: String {
    let count = rows.filter(\.blow.mayCostWork).reduce(0) { $0 + $1.count }
    var lines = [["", "blows", "in flight"]]
    for row in rows { lines.append([row.blow.rawValue, "\(row.count)", "\(row.inFlight)"]) }
    lines.append(["all that may cost work", "\(count)", "\(inFlight)"])
    let width = lines.map { $0[0].count }.max() ?? 0
    return lines.map { cells in
      cells[0] + String(repeating: " ", count: width - cells[0].count + 3)
        + cells[1] + String(repeating: " ", count: max(0, 8 - cells[1].count)) + cells[2]
    }.joined(separator: "\n")
  }
}
