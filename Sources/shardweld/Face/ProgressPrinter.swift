// The display's shell: the clock, the terminal's width and standard error.
import Coordination
import Glibc
import Storage

/// Shows the progress of one run. One thread calls it.
final class ProgressPrinter {
  private var display: ProgressDisplay

  init(_ mode: ProgressMode) {
    let environment = Environment.variables
    display = ProgressDisplay(
      mode: mode.resolved(isTerminal: StandardError.columns != nil, environment: environment),
      style: ProgressText.Style(environment: environment))
  }

  /// The log that fits this display: JSON lines beside JSON progress.
  func log(_ level: LogLevel) -> Log { Log(level: level, isJSON: display.mode == .json) }

  /// Takes a reading; cheap enough to be called at every event.
  func update(_ progress: Progress) {
    guard display.mode != .none else { return }
    let columns = StandardError.columns ?? 80
    if let output = display.update(progress, now: Clock.milliseconds, columns: columns) {
      show(output)
    }
  }

  /// The same for what a coordinator tells.
  func update(_ snapshot: ProgressSnapshot) {
    update(
      Progress(
        phase: snapshot.phase, jobsDone: snapshot.jobsDone, jobsTotal: snapshot.jobsTotal,
        bytesDone: snapshot.bytesDone, bytesTotal: snapshot.bytesTotal, workers: snapshot.workers))
  }

  /// Ends the display; the terminal is left as it was found. Calling it again does nothing.
  func finish(isComplete: Bool) {
    for output in display.finish(isComplete: isComplete, now: Clock.milliseconds) { show(output) }
  }

  private func show(_ output: ProgressDisplay.Output) {
    switch output {
    case .bar(let text): StandardError.shared.draw(text)
    case .line(let text): StandardError.shared.line(text)
    }
  }
}

/// Variables of the process's environment that the face looks at.
enum Environment {
  static var variables: [String: String] {
    var result: [String: String] = [:]
    for name in ["TERM", "NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG"] {
      if let value = unsafe getenv(name) { result[name] = unsafe String(cString: value) }
    }
    return result
  }
}
