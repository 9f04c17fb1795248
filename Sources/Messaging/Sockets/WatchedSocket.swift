// A socket together with its monitor: what happens to its connections, as a socket of its own.
//
// libzmq's only thread writes the events, and waits where it cannot: a monitor whose queue is full,
// or that is closed before its socket stopped reporting, freezes every connection of the process.
// So the queue has no bound (and few kinds of events, drained at every turn of the loop), and the
// two are taken apart in one order only: stop, close the monitor, close the socket.
import CZeroMQ
import Synchronization

/// A socket and the events of its connections.
struct WatchedSocket: ~Copyable {
  /// A connection's event: its number, and what libzmq says about it (an errno or a status).
  struct Event {
    var number: Int32
    var value: UInt32
  }

  private static let count = Atomic<UInt64>(0)

  let monitor: Socket
  let socket: Socket

  /// Takes a socket that is neither bound nor connected yet.
  init(_ socket: consuming Socket, _ context: Context, events: Int32) throws(MessagingError) {
    let number = Self.count.add(1, ordering: .relaxed).newValue
    let endpoint = "inproc://monitor-\(number)"
    let monitor = try Socket(context, type: ZMQ_PAIR)
    try monitor.set(ZMQ_RCVHWM, 0)  // before connect: later it would not count
    try socket.report(events, to: endpoint)
    try monitor.connect(endpoint)
    self.monitor = monitor
    self.socket = socket
  }

  deinit { socket.stopReporting() }

  /// The next event, or nil where none waits.
  func nextEvent() -> Event? {
    // Two parts: number (2 bytes) with value (4 bytes), and the address.
    guard let head = monitor.receiveAll()?.first?.bytes, head.count == 6 else { return nil }
    let value = head[2...].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return Event(number: Int32(head[0]) | Int32(head[1]) << 8, value: value)
  }
}
