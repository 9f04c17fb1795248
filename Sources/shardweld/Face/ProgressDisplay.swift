// When to show what: a machine from readings and times to lines and bars. It writes nothing itself;
// `ProgressPrinter` does.

/// The forms of the progress display.
enum ProgressMode: String, CaseIterable, Sendable {
  case auto, bar, plain, json, none

  /// The form that `auto` stands for. A dumb terminal cannot erase a line, so it gets no bar.
  func resolved(isTerminal: Bool, environment: [String: String]) -> ProgressMode {
    let isDumb = environment["TERM"] == "dumb"
    return switch self {
    case .auto: isTerminal && !isDumb ? .bar : .plain
    case .bar: isDumb ? .plain : .bar
    default: self
    }
  }
}

/// Decides at each reading what is shown.
struct ProgressDisplay: Sendable {
  /// What is to be written to standard error.
  enum Output: Equatable, Sendable {
    /// Replaces the bar on the screen; empty takes it away.
    case bar(String)
    case line(String)
  }

  let mode: ProgressMode
  private let style: ProgressText.Style
  private var meter = ProgressMeter()
  private var latest: Progress?
  private var shown: (progress: Progress, milliseconds: Int64)?

  private static let barMilliseconds: Int64 = 100
  private static let lineMilliseconds: Int64 = 10_000
  /// Lines of a fast run keep this distance.
  private static let stepMilliseconds: Int64 = 1_000
  private static let jsonMilliseconds: Int64 = 1_000

  /// `mode` is a resolved one.
  init(mode: ProgressMode, style: ProgressText.Style) {
    self.mode = mode
    self.style = style
  }

  /// Takes a reading; nil where it is too soon to show anything.
  mutating func update(_ progress: Progress, now: Int64, columns: Int) -> Output? {
    meter.read(progress.bytesDone, now: now)
    latest = progress
    guard isDue(progress, now: now) else { return nil }
    shown = (progress, now)
    let rate = meter.rate
    let left = meter.secondsLeft(progress)
    switch mode {
    case .bar:
      return .bar(
        ProgressText.bar(
          progress, rate: rate, secondsLeft: left, columns: columns, style: style))
    case .plain:
      return .line("shardweld: " + ProgressText.line(progress, rate: rate, secondsLeft: left))
    case .json:
      return .line(json(progress, now: now))
    case .auto, .none: return nil
    }
  }

  /// Ends the display: the bar goes, and a run that is complete says how much it did in what time.
  mutating func finish(isComplete: Bool, now: Int64) -> [Output] {
    guard var progress = latest, let start = meter.startMilliseconds else { return [] }
    latest = nil
    let summary = ProgressText.summary(
      byteCount: max(0, progress.bytesDone - meter.startByteCount), milliseconds: now - start)
    switch mode {
    case .bar: return [.bar("")] + (isComplete ? [.line("shardweld: " + summary)] : [])
    case .plain: return isComplete ? [.line("shardweld: " + summary)] : []
    case .json:
      progress.phase = isComplete ? "done" : "stopped"
      return [.line(json(progress, now: now))]
    case .auto, .none: return []
    }
  }

  private func json(_ progress: Progress, now: Int64) -> String {
    ProgressText.json(
      progress, rate: meter.rate, secondsLeft: meter.secondsLeft(progress),
      milliseconds: now - (meter.startMilliseconds ?? now))
  }

  private func isDue(_ progress: Progress, now: Int64) -> Bool {
    guard let shown else { return true }
    if shown.progress.phase != progress.phase { return true }
    let passed = now - shown.milliseconds
    return switch mode {
    case .bar: passed >= Self.barMilliseconds
    case .json: passed >= Self.jsonMilliseconds
    default:
      passed >= Self.lineMilliseconds
        || (passed >= Self.stepMilliseconds
          && shown.progress.percent / 10 < progress.percent / 10)
    }
  }
}
