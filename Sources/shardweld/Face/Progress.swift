// How far a run is, and how fast: what every form of the progress display is made from. Pure: the
// time comes in with each reading.

/// How far a run is.
struct Progress: Equatable, Sendable {
  /// What is being done, e.g. `merging`.
  var phase: String
  var jobsDone = 0
  /// 0 where the work is not cut into jobs.
  var jobsTotal = 0
  var bytesDone: Int64 = 0
  var bytesTotal: Int64 = 0
  /// nil where no workers take part.
  var workers: Int?

  /// Whole percent, rounded down: 100 means all.
  var percent: Int {
    bytesTotal > 0 ? Int(min(bytesDone, bytesTotal) * 100 / bytesTotal) : 0
  }
}

/// Measures the rate over the last seconds.
struct ProgressMeter: Sendable {
  private var readings: [(milliseconds: Int64, byteCount: Int64)] = []
  /// The first reading: a run that goes on starts with bytes it did not do itself.
  private(set) var startMilliseconds: Int64?
  private(set) var startByteCount: Int64 = 0

  private static let windowMilliseconds: Int64 = 15_000
  /// Readings nearer to each other than this count as one.
  private static let spacingMilliseconds: Int64 = 250

  /// Takes a reading; `now` never goes back.
  mutating func read(_ byteCount: Int64, now: Int64) {
    if startMilliseconds == nil {
      startMilliseconds = now
      startByteCount = byteCount
    }
    if readings.count > 1,
      now - readings[readings.count - 2].milliseconds
        < Self.spacingMilliseconds
    {
      readings.removeLast()
    }
    readings.append((now, byteCount))
    while readings.count > 2, readings[1].milliseconds <= now - Self.windowMilliseconds {
      readings.removeFirst()
    }
  }

  /// Bytes per second over the window; nil in the first half second.
  var rate: Int64? {
    guard let first = readings.first, let last = readings.last,
      last.milliseconds - first.milliseconds >= 500
    else { return nil }
    // Work that was lost and is done again takes bytes back.
    let byteCount = max(0, last.byteCount - first.byteCount)
    return Int64(Double(byteCount) * 1000 / Double(last.milliseconds - first.milliseconds))
  }

  /// Seconds that the rest takes at this rate, rounded up; nil while unknown.
  func secondsLeft(_ progress: Progress) -> Int64? {
    guard let rate, rate > 0, progress.bytesTotal > 0 else { return nil }
    let left = max(0, progress.bytesTotal - progress.bytesDone)
    return left / rate + (left % rate > 0 ? 1 : 0)
  }
}
