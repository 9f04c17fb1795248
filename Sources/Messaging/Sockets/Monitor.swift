// What happens to a socket's connections, as a socket of its own. Its queue has no bound on purpose:
// libzmq's only thread stops serving every connection while a monitor is full, so that a stranger
// who connects often enough would freeze us. Hence a narrow choice of events, drained at every turn.
import CZeroMQ
import Synchronization

/// The events of one socket.
struct Monitor: ~Copyable {
  /// A connection's event: its number, and what libzmq says about it (an errno or a status).
  struct Event {
    var number: Int32
    var value: UInt32
  }

  private static let count = Atomic<UInt64>(0)

  let socket: Socket

  /// Watches a socket; call before it is bound or connected.
  init(_ watched: borrowing Socket, _ context: Context, events: Int32) throws(MessagingError) {
    let number = Self.count.add(1, ordering: .relaxed).newValue
    let endpoint = "inproc://monitor-\(number)"
    try watched.report(events, to: endpoint)
    let socket = try Socket(context, type: ZMQ_PAIR)
    try socket.set(ZMQ_RCVHWM, Int32(0))  // before connect: later it would not count
    try socket.connect(endpoint)
    self.socket = socket
  }

  /// The next event, or nil where none waits.
  func next() -> Event? {
    // Two parts: number (2 bytes) with value (4 bytes), and the address.
    guard let head = socket.receiveAll()?.first?.bytes, head.count == 6 else { return nil }
    let value = head[2...].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return Event(number: Int32(head[0]) | Int32(head[1]) << 8, value: value)
  }
}
