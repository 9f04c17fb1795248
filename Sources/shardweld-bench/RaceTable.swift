// The results of a race as people read them:
//
//                     median   range            ÷ cp   ÷ cp, sync   peak     of a worker
//   cp -r             0.68 s   0.61 … 0.75      1.00   0.61         2 MB
//   merge r16         0.81 s   0.79 … 0.92      1.19   0.72         31 MB    250 MB (2)
import Storage

/// Runs by racer; the first racer is `cp`, the second `cp` with a flush.
struct RaceTable {
  private let names: [String]
  private var runs: [[ChildProcess]]

  init(_ names: [String]) {
    self.names = names
    runs = Array(repeating: [], count: names.count)
  }

  /// Adds a run; runs of one round stand at the same place of each racer's list.
  mutating func add(_ run: ChildProcess, of racer: Int) { runs[racer].append(run) }

  var text: String {
    var rows = [["", "median", "range", "÷ cp", "÷ cp, sync", "peak", "of a worker"]]
    for (name, runs) in zip(names, runs) {
      let times = runs.map(\.milliseconds).sorted()
      let workers = runs.map(\.childCount).max() ?? 0
      rows.append([
        name, Self.seconds(Self.median(times)),
        "\(Self.decimal(times[0] / 1000)) … \(Self.decimal(times[times.count - 1] / 1000))",
        ratio(of: runs, to: 0), ratio(of: runs, to: 1),
        Self.megabytes(runs.map(\.peakByteCount).max() ?? 0),
        workers == 0
          ? "" : "\(Self.megabytes(runs.map(\.childPeakByteCount).max() ?? 0)) (\(workers))",
      ])
    }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
        .joined(separator: "   ")
    }.joined(separator: "\n")
  }

  /// The median of the ratios within each round.
  private func ratio(of runs: [ChildProcess], to racer: Int) -> String {
    Self.decimal(
      Self.median(zip(runs, self.runs[racer]).map { $0.milliseconds / $1.milliseconds }.sorted()))
  }

  private static func median(_ sorted: [Double]) -> Double {
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  static func seconds(_ milliseconds: Double) -> String { decimal(milliseconds / 1000) + " s" }

  private static func megabytes(_ bytes: Int64) -> String { "\((bytes + 500_000) / 1_000_000) MB" }

  /// Two digits behind the point.
  private static func decimal(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
  }
}
