// The one place where a loop waits: for sockets, wake-ups and signals at once. libzmq's own
// descriptor (ZMQ_FD) is not used: it is edge-triggered, and any call on the socket takes its edge.
import CZeroMQ
import Glibc
import Storage

/// Waits for links and descriptors.
package enum Poll {
  /// Returns when something can be read, when time is up (a negative time never is), or, seldom,
  /// for nothing. Handshakes are answered and events taken in on the way, so a loop that keeps
  /// waiting keeps its door. True where something can be read.
  ///
  /// The sockets are level-triggered: what is left unread returns at once the next time.
  @discardableResult
  package static func wait(
    _ links: Link..., descriptors: [Int32] = [], timeoutMilliseconds: Int
  ) -> Bool {
    wait(links, descriptors: descriptors, timeoutMilliseconds: timeoutMilliseconds)
  }

  /// The same for a list of links.
  @discardableResult
  package static func wait(
    _ links: [Link], descriptors: [Int32] = [], timeoutMilliseconds: Int
  ) -> Bool {
    var items = unsafe links.flatMap { unsafe $0.items }
    for descriptor in descriptors {
      unsafe items.append(
        zmq_pollitem_t(socket: nil, fd: descriptor, events: Int16(ZMQ_POLLIN), revents: 0))
    }
    let count = unsafe zmq_poll(&items, Int32(items.count), timeoutMilliseconds)
    // An interrupted wait is one that returns for nothing.
    invariant(count >= 0 || zmq_errno() == EINTR, "waiting failed with \(zmq_errno())")
    for link in links { link.attend() }
    return count > 0
  }
}
