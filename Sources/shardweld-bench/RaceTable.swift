// The results of a race as people read them:
//
//                         median   range         ÷ cp   ÷ cp, sync   memory   of a worker
//   cp -r                 0.68 s   0.61 … 0.75   1.00   0.61         2 MB
//   merge r16, 2 workers  0.81 s   0.79 … 0.92   1.19   0.72         31 MB    250 MB

struct RaceTable {
  let results: RaceResults

  var text: String {
    var lines = [["", "median", "range", "÷ cp", "÷ cp, sync", "memory", "of a worker"]]
    lines += results.rows.indices.filter { !results.runs[$0].isEmpty }.map(cells)
    let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { cells in
      var line = zip(cells, widths)
        .map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "   ")
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }

  /// What the page cache did not do as asked; empty where it did.
  var notes: [String] {
    var notes: [String] = []
    if let share = results.cachedShare(isCold: true), share > 0.01 {
      notes.append(
        "cold rows are not cold: the page cache kept up to \(Self.percent(share)) of the inputs"
      )
    }
    if let share = results.cachedShare(isCold: false), share < 0.99 {
      notes.append(
        "hot rows are not hot: the page cache held only \(Self.percent(share)) of the inputs")
    }
    return notes
  }

  private func cells(_ row: Int) -> [String] {
    let times = results.times(of: row)
    let worker = results.workerPeakByteCount(of: row)
    func ratio(_ isFlushed: Bool) -> String {
      results.ratio(of: row, toFlushed: isFlushed).map { Self.decimal($0, 2) } ?? ""
    }
    return [
      results.rows[row].name, Self.seconds(RaceResults.median(times)),
      "\(Self.decimal((times.min() ?? 0) / 1000, 2)) … "
        + Self.decimal((times.max() ?? 0) / 1000, 2),
      ratio(false), ratio(true), Self.megabytes(results.peakByteCount(of: row)),
      worker == 0 ? "" : Self.megabytes(worker),
    ]
  }

  // MARK: Numbers

  static func seconds(_ milliseconds: Double) -> String { decimal(milliseconds / 1000, 2) + " s" }

  static func megabytes(_ bytes: Int64) -> String { "\((bytes + 500_000) / 1_000_000) MB" }

  private static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

  /// A number that is not negative, with one or more digits behind the point.
  static func decimal(_ value: Double, _ digits: Int) -> String {
    let unit = (0..<digits).reduce(1) { unit, _ in unit * 10 }
    let (whole, rest) = Int((value * Double(unit)).rounded()).quotientAndRemainder(dividingBy: unit)
    let text = String(rest)
    return "\(whole)." + String(repeating: "0", count: digits - text.count) + text
  }
}
