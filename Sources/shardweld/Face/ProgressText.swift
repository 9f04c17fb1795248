// The three forms of one progress reading: a bar for a terminal, a line for a log, a JSON object
// for a program.
import OrderedJSON

enum ProgressText {
  /// What a terminal can show.
  struct Style: Equatable, Sendable {
    /// Colours by escape sequences.
    var isColored = false
    /// Blocks instead of `#` and `-`.
    var isUnicode = false

    /// Reads NO_COLOR, LC_ALL, LC_CTYPE and LANG as every terminal program does.
    init(environment: [String: String]) {
      isColored = environment["NO_COLOR", default: ""].isEmpty
      let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }
        .first { !$0.isEmpty }
      let folded = locale?.lowercased() ?? ""
      isUnicode = folded.hasSuffix("utf-8") || folded.hasSuffix("utf8")
    }

    init(isColored: Bool, isUnicode: Bool) {
      self.isColored = isColored
      self.isUnicode = isUnicode
    }
  }

  /// `merging  ######----  60 %  2.96 of 4.94 GB  1.2 GB/s  2 s left  4 workers`, shorter than the
  /// terminal is wide: first the workers, then the rate, then the bytes are left out.
  static func bar(
    _ progress: Progress, rate: Int64?, secondsLeft: Int64?, columns: Int, style: Style
  ) -> String {
    let workers = progress.workers.map { Amount.count($0, "worker") }
    guard progress.bytesTotal > 0 else {
      let text = [progress.phase, workers].compactMap(\.self).joined(separator: "  ")
      return String(text.prefix(max(0, columns - 1)))
    }
    let percent = "\(progress.percent) %"
    let share = Amount.share(progress.bytesDone, of: progress.bytesTotal)
    let speed = rate.map(Amount.rate)
    let left = secondsLeft.map { Amount.duration(seconds: $0) + " left" }
    let choices = [
      [percent, share, speed, left, workers], [percent, share, speed, left],
      [percent, share, left], [percent, left], [percent],
    ].map { $0.compactMap(\.self).joined(separator: "  ") }
    let lead = progress.phase + "  "
    for choice in choices {
      // The last column stays free: a full line would wrap on some terminals.
      let room = columns - 1 - lead.count - choice.count - 2
      if room >= 10 { return lead + blocks(progress, min(room, 40), style) + "  " + choice }
    }
    return String(percent.prefix(max(0, columns - 1)))
  }

  /// `merging 60 %, 2.96 of 4.94 GB, 1.2 GB/s, 2 s left, 18 of 30 jobs, 4 workers`.
  static func line(_ progress: Progress, rate: Int64?, secondsLeft: Int64?) -> String {
    var parts: [String] = []
    if progress.bytesTotal > 0 {
      parts.append("\(progress.phase) \(progress.percent) %")
      parts.append(Amount.share(progress.bytesDone, of: progress.bytesTotal))
    } else {
      parts.append(progress.phase)
    }
    if let rate { parts.append(Amount.rate(rate)) }
    if let secondsLeft { parts.append(Amount.duration(seconds: secondsLeft) + " left") }
    if progress.jobsTotal > 0 {
      parts.append(
        "\(Amount.count(progress.jobsDone)) of \(Amount.count(progress.jobsTotal, "job"))")
    }
    if let workers = progress.workers { parts.append(Amount.count(workers, "worker")) }
    return parts.joined(separator: ", ")
  }

  /// One JSON object on one line.
  static func json(
    _ progress: Progress, rate: Int64?, secondsLeft: Int64?, milliseconds: Int64
  ) -> String {
    var writer = JSONWriter(indent: nil)
    writer.object { writer in
      writer.member("phase", progress.phase)
      writer.member("jobsDone", progress.jobsDone)
      writer.member("jobsTotal", progress.jobsTotal)
      writer.member("bytesDone", progress.bytesDone)
      writer.member("bytesTotal", progress.bytesTotal)
      writer.member("workers", progress.workers.map { .integer($0) } ?? .null)
      writer.member("bytesPerSecond", rate.map { .integer($0) } ?? .null)
      writer.member("secondsLeft", secondsLeft.map { .integer($0) } ?? .null)
      writer.member("milliseconds", milliseconds)
    }
    return writer.text
  }

  /// `done: 4.94 GB in 3 min 12 s, 26 MB/s`.
  static func summary(byteCount: Int64, milliseconds: Int64) -> String {
    let time = Amount.duration(milliseconds: milliseconds)
    guard milliseconds > 0 else { return "done: \(Amount.bytes(byteCount)) in \(time)" }
    let rate = Int64(Double(byteCount) * 1000 / Double(milliseconds))
    return "done: \(Amount.bytes(byteCount)) in \(time), \(Amount.rate(rate))"
  }

  private static func blocks(_ progress: Progress, _ width: Int, _ style: Style) -> String {
    let done = min(progress.bytesDone, progress.bytesTotal)
    let filled = Int(Double(done) / Double(progress.bytesTotal) * Double(width))
    let full = String(repeating: style.isUnicode ? "█" : "#", count: filled)
    let empty = String(repeating: style.isUnicode ? "░" : "-", count: width - filled)
    return (style.isColored && filled > 0 ? "\u{1B}[32m\(full)\u{1B}[0m" : full) + empty
  }
}
