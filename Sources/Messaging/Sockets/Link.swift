// What `Poll.wait` needs of the two kinds of links.
import CZeroMQ

/// One side of the connection between coordinator and workers; `RouterLink` or `DealerLink`.
///
/// A link is used by one thread, the loop that waits for it: nothing in it is locked.
package class Link {
  /// libzmq's sockets of this link, all of which are waited for.
  var items: [zmq_pollitem_t] { unsafe [] }

  /// Does the link's own work after a wait: answers handshakes, takes in events.
  func attend() {}

  init() {}

  /// An item that waits for something to read on a socket.
  static func item(_ socket: borrowing Socket) -> zmq_pollitem_t {
    unsafe zmq_pollitem_t(socket: socket.handle, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)
  }

  /// What both sides set: strangers are sent off, and no peer fills the memory.
  static func setCommonOptions(_ socket: borrowing Socket) throws(MessagingError) {
    // A part of ours and what its encryption adds. A thousand of them may wait for each peer.
    try socket.set(wide: ZMQ_MAXMSGSIZE, Int64(MessageCodec.byteCountMax) + 64)
    for (option, value) in [
      (ZMQ_SNDHWM, 1000), (ZMQ_RCVHWM, 1000), (ZMQ_IPV6, 1), (ZMQ_TCP_MAXRT, 10_000),
      (ZMQ_HANDSHAKE_IVL, 5000),
    ] as [(Int32, Int32)] {
      try socket.set(option, value)
    }
  }
}
