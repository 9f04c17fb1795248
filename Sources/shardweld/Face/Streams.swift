// The two streams of the process. Results go to standard output and are told to fail; progress and
// logs share standard error, where a line of log must not tear the progress bar.
import CLinux
import Glibc
import Storage
import Synchronization

/// Standard output: a command's result.
enum StandardOutput {
  /// Writes it all, or says why not: a result that is lost is a failed run.
  static func write(_ text: String) throws(StorageError) {
    guard let code = send(text, to: STDOUT_FILENO) else { return }
    throw .last(.write, "standard output", errno: code)
  }
}

/// Standard error: log lines, and under them the progress bar where one is drawn.
final class StandardError: Sendable {
  static let shared = StandardError()

  /// The bar on the screen, empty where none is.
  private let bar = Mutex("")

  /// Erases from the start of the line to its end.
  private static let erase = "\r\u{1B}[K"

  /// Writes a line; a bar on the screen moves below it. What a terminal would act on is shown as
  /// its number: names of tensors and files come from strangers.
  func line(_ text: String) {
    let text = text.harmless
    bar.withLock { bar in
      // Nobody is left to tell where standard error itself fails.
      _ = send(bar.isEmpty ? text + "\n" : Self.erase + text + "\n" + bar, to: STDERR_FILENO)
    }
  }

  /// Draws the bar anew, or takes it off the screen where it is empty.
  func draw(_ text: String) {
    bar.withLock { bar in
      if bar.isEmpty && text.isEmpty { return }
      bar = text
      _ = send(Self.erase + text, to: STDERR_FILENO)
    }
  }

  /// Columns of the terminal, nil where standard error is none.
  static var columns: Int? {
    let columns = sw_terminal_columns(STDERR_FILENO)
    if columns > 0 { return Int(columns) }
    return isatty(STDERR_FILENO) == 1 ? 80 : nil
  }
}

extension String {
  /// The same with control characters spelled out: names from files of strangers may hold what a
  /// terminal obeys.
  var harmless: String {
    func isControl(_ scalar: Unicode.Scalar) -> Bool {
      scalar.value < 0x20 || 0x7F...0x9F ~= scalar.value
    }
    guard unicodeScalars.contains(where: isControl) else { return self }
    return unicodeScalars.reduce(into: "") { line, scalar in
      line += isControl(scalar) ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
    }
  }
}

/// Writes every byte of a text; the error number where that fails.
private func send(_ text: String, to descriptor: Int32) -> Int32? {
  let bytes = Array(text.utf8)
  return unsafe bytes.withUnsafeBytes { raw -> Int32? in
    var done = 0
    while done < raw.count {
      let count = unsafe write(descriptor, raw.baseAddress! + done, raw.count - done)
      if count < 0 {
        if errno == EINTR { continue }
        if errno == EAGAIN {
          // A terminal shared with a program that left it non-blocking.
          var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          _ = unsafe poll(&wait, 1, 1000)
          continue
        }
        return errno
      }
      done += count
    }
    return nil
  }
}
