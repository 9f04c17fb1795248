// A TCP relay between a worker and its coordinator, to make a connection freeze without an end:
// what a cable pulled out or a stopped process looks like.
import Foundation
import Glibc
import Storage
import Synchronization

/// Forwards one connection's bytes until it is frozen; from then on both ends stay open and silent.
final class Relay: Sendable {
  let port: UInt16
  private let state = Mutex((isFrozen: false, isOver: false))

  init(to target: UInt16) throws {
    let listener = try Self.listen()
    port = listener.port
    Thread.detachNewThread { self.run(listener.descriptor, target) }
  }

  func freeze() { state.withLock { $0.isFrozen = true } }

  /// Lets the thread end, and with it the connections.
  func stop() { state.withLock { $0.isOver = true } }

  private func run(_ listener: Int32, _ target: UInt16) {
    var waits = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
    while !state.withLock({ $0.isOver }) {
      guard unsafe poll(&waits, nfds_t(waits.count), 20) > 0 else { continue }
      if state.withLock({ $0.isFrozen }) {
        usleep(20_000)
        continue
      }
      if waits[0].revents != 0, waits.count == 1 {
        let incoming = accept(listener, nil, nil)
        waits.append(pollfd(fd: incoming, events: Int16(POLLIN), revents: 0))
        waits.append(
          pollfd(fd: RawConnection.connected(to: target), events: Int16(POLLIN), revents: 0))
      }
      guard waits.count == 3 else { continue }
      for (from, to) in [(1, 2), (2, 1)] where waits[from].revents != 0 {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe recv(waits[from].fd, &bytes, bytes.count, 0)
        if count <= 0 { return finish(waits) }
        unsafe _ = Glibc.send(waits[to].fd, bytes, count, Int32(MSG_NOSIGNAL))
      }
    }
    finish(waits)
  }

  private func finish(_ waits: [pollfd]) { for wait in waits { _ = close(wait.fd) } }

  private static func listen() throws -> (descriptor: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = RawConnection.loopback(port: 0)
    var count = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, count) == 0 && Glibc.listen(descriptor, 4) == 0
          && getsockname(descriptor, $0, &count) == 0
      }
    }
    guard status else { throw StorageError.last(.open, "relay", errno: errno) }
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }
}
