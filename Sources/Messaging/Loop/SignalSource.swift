// SIGINT, SIGTERM and SIGHUP as something to poll for. Blocked, not handled: no code of ours runs
// in a signal's context, and no call is interrupted.
import CLinux
import Glibc
import Storage

/// The signals sent to this process.
///
/// Create it before any other thread and before the first link: threads inherit the block, and one
/// without it would die of the signal. Used by one thread.
package final class SignalSource {
  /// Readable while a signal waits: for `Poll.wait`.
  package let descriptor: Int32

  package init() {
    descriptor = sw_signalfd()
    invariant(descriptor >= 0, "no descriptor left for signals")
  }

  deinit { _ = close(descriptor) }

  /// The next signal's number, or nil where none waits. Never blocks.
  package func next() -> Int32? {
    let signal = sw_signalfd_next(descriptor)
    return signal == 0 ? nil : signal
  }
}
