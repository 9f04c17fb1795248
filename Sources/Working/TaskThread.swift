package import Messaging
package import Planning

/// What a worker's loop asks of the thread that does the work. No call waits but `rest`.
package protocol TaskThread: AnyObject, Sendable {
  /// Progress and ends, for the loop.
  var events: Mailbox<WorkerMachine.Event> { get }
  /// Begins a task once the one before has ended; `ended` follows in any case.
  func start(_ assignment: Assignment, in folder: JobFolder, stop: StopFlag)
  /// Waits until nothing runs any more, for a while at most.
  func rest(milliseconds: Int)
}
