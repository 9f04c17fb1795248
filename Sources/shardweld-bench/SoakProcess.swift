// A process to be tormented. Its number may be another's by the time a signal is sent; a descriptor
// of the process never is.
import CLinux
import Glibc
import Storage

/// A running process, held by a descriptor.
final class SoakProcess {
  let processID: pid_t
  private let descriptor: Int32

  /// A process that this one has started and not yet waited for: its number is its own.
  init(child processID: pid_t) throws {
    descriptor = sw_pidfd_open(processID)
    guard descriptor >= 0 else {
      throw ChildProcess.Failed(description: "no descriptor of process \(processID): \(errno)")
    }
    self.processID = processID
  }

  /// A process that another one has started; nil where it is gone meanwhile.
  init?(_ processID: pid_t, of parent: pid_t) {
    descriptor = sw_pidfd_open(processID)
    self.processID = processID
    // Held first, asked then: whoever has the number now is who is held, or both are gone.
    guard descriptor >= 0, ChildProcess.children(of: parent).contains(processID) else { return nil }
  }

  deinit { if descriptor >= 0 { _ = close(descriptor) } }

  /// False where the process is gone.
  @discardableResult
  func send(_ signal: Int32) -> Bool { sw_pidfd_signal(descriptor, signal) == 0 }

  /// How a journal names it as a worker.
  var label: String { "\(Host.name)/\(processID)" }
}
