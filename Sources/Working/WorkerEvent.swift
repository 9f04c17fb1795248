// What the worker's machine hears and what it orders.
package import Messaging

extension WorkerMachine {
  /// Something that happened.
  package enum Event: Equatable, Sendable {
    case message(CoordinatorMessage, Envelope)
    /// The link stands, for the first time or again; what was said without one is lost.
    case connected
    /// The link is broken: what is said now is lost.
    case disconnected
    /// The merge thread has come so far with the running task.
    case advanced(TaskID, byteCount: Int64)
    /// Its tasks have read and written so many bytes since it started.
    case moved(byteCount: Int64)
    /// The running merge has written all its bytes. Their flush goes on beside the next task;
    /// `ended` follows, and before the next `written`.
    case written(TaskID)
    /// The merge thread is done with a task: `handedBack` where it stopped as told.
    case ended(TaskID, Outcome)
    /// Time passes; sent a few times each second.
    case tick
    /// SIGTERM or Ctrl-C; the second one is less patient.
    case terminate
  }

  /// Something to be done.
  package enum Directive: Equatable, Sendable {
    case send(WorkerMessage, Envelope)
    /// Begin a task in the given job's folder. Nothing else runs, a flush excepted; `ended`
    /// follows in any case.
    case start(Assignment, jobFolder: String)
    /// Stop the running task soon.
    case halt
    /// The last directive.
    case exit(WorkerExit)
  }
}
