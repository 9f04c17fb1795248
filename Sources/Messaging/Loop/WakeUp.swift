// Wakes a loop that waits in `Poll.wait`: an eventfd, which counts, never blocks the waker and
// needs no memory (an inproc socket would need all three to be thought about).
import CLinux
import Glibc
import Storage

/// Lets any thread wake the one that waits. Waking twice before `drain` wakes once.
package final class WakeUp: Sendable {
  /// Readable from `wake` until `drain`: for `Poll.wait`.
  package let descriptor: Int32

  package init() {
    descriptor = sw_eventfd()
    invariant(descriptor >= 0, "no descriptor left for a wake-up")
  }

  deinit { _ = close(descriptor) }

  /// Makes the descriptor readable. Never blocks; safe in a signal handler.
  package func wake() {
    var one: UInt64 = 1
    // It fails only where the counter is full: then the loop is awake already.
    while unsafe write(descriptor, &one, 8) < 0 && errno == EINTR {}
  }

  /// Makes the descriptor wait for the next `wake`. Take what was left for you after this call.
  package func drain() {
    var count: UInt64 = 0
    while unsafe read(descriptor, &count, 8) < 0 && errno == EINTR {}
  }
}
