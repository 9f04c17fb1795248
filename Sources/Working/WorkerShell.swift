// The machine's hands: the link to the coordinator, the clock, signals and the merge thread. Runs
// on the thread that calls it until the worker has to go.
package import Messaging
import Planning
import Storage

/// A worker's whole life.
package final class WorkerShell {
  private static let tickMilliseconds: Int64 = 200
  /// What dropped work gets to stop and clean up after itself.
  private static let restMilliseconds = 2_000

  private let link: DealerLink
  private let signals: SignalSource?
  private let thread: any TaskThread
  private var machine: WorkerMachine
  /// Finds a coordinator that has moved; nil where its address is fixed.
  private let relocate: (() -> String?)?
  private var relocatedAt: Int64
  private var stop = StopFlag()
  private var reason: WorkerExit?

  /// Between two looks for a coordinator that has moved.
  private static let relocationMilliseconds: Int64 = 2_000

  /// `thread` does the tasks. `relocate` is asked, now and then while there is no contact, where
  /// the coordinator is.
  package init(
    link: DealerLink, signals: SignalSource?, settings: WorkerSettings,
    thread: any TaskThread, relocate: (() -> String?)? = nil
  ) {
    self.link = link
    self.signals = signals
    self.thread = thread
    machine = WorkerMachine(settings: settings, now: Clock.milliseconds)
    self.relocate = relocate
    relocatedAt = Clock.milliseconds
  }

  /// Works until dismissed, stopped, refused or forgotten.
  package func run() -> WorkerExit {
    var nextTick = Clock.milliseconds
    while true {
      let descriptors =
        [thread.events.wakeUp.descriptor] + (signals.map { [$0.descriptor] } ?? [])
      Poll.wait(
        link, descriptors: descriptors,
        timeoutMilliseconds: Int(max(0, nextTick - Clock.milliseconds)))
      while signals?.next() != nil { tell(.terminate) }
      for event in link.events() { take(event) }
      while let bytes = link.receive() { take(bytes) }
      for event in thread.events.takeAll() { tell(event) }
      if Clock.milliseconds >= nextTick {
        nextTick = Clock.milliseconds + Self.tickMilliseconds
        tell(.moved(byteCount: thread.movedByteCount))
        tell(.tick)
        followCoordinator()
      }
      if let reason {
        stop.raise()
        thread.rest(milliseconds: Self.restMilliseconds)
        return reason
      }
    }
  }

  /// A coordinator that is started again may be on another machine.
  private func followCoordinator() {
    guard let relocate, !machine.isInContact,
      Clock.milliseconds - relocatedAt >= Self.relocationMilliseconds
    else { return }
    relocatedAt = Clock.milliseconds
    guard let endpoint = relocate(), endpoint != link.endpoint else { return }
    // An address that cannot be used is looked up again the next time.
    do throws(MessagingError) { try link.reconnect(to: endpoint) } catch { return }
  }

  private func take(_ event: LinkEvent) {
    switch event {
    case .connected: tell(.connected)
    case .disconnected: tell(.disconnected)
    case .refused: reason = reason ?? .keyRefused
    case .wrongServerKey: reason = reason ?? .wrongServerKey
    }
  }

  private func take(_ bytes: [UInt8]) {
    do throws(MessageError) {
      let (message, envelope) = try MessageCodec.decodeCoordinator(bytes)
      tell(.message(message, envelope))
    } catch {
      // The coordinator proved its key: other words mean another version, which no retry mends.
      if case .version = error { reason = reason ?? .refused(reason: error.sentence) }
    }
  }

  private func tell(_ event: WorkerMachine.Event) {
    for directive in machine.on(event, now: Clock.milliseconds) {
      switch directive {
      case .send(let message, let envelope):
        // Not sent is as good as lost.
        _ = link.send(MessageCodec.encode(message, envelope))
      case .start(let assignment, let jobFolder):
        stop = StopFlag()
        thread.start(assignment, in: JobFolder(path: jobFolder), stop: stop)
      case .halt: stop.raise()
      case .exit(let exit): reason = reason ?? exit
      }
    }
  }
}
