// A TCP connection that is no ZeroMQ: what a port scanner or a stranger does.
import Glibc
import Storage

/// Open until it is let go.
final class RawConnection {
  private let descriptor: Int32

  init(port: UInt16) throws {
    descriptor = Self.connected(to: port)
    guard descriptor >= 0 else { throw StorageError.last(.open, "port \(port)", errno: errno) }
  }

  deinit { _ = close(descriptor) }

  func say(_ text: String) {
    unsafe _ = send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL))
  }

  /// True where the other side has closed; what it said before is dropped.
  var isClosed: Bool {
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      if count <= 0 { return count == 0 || errno != EAGAIN }
    }
  }

  /// A descriptor connected to a port of this machine; -1 where that failed.
  static func connected(to port: UInt16) -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = loopback(port: port)
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if status == 0 { return descriptor }
    if descriptor >= 0 { _ = close(descriptor) }
    return -1
  }

  static func loopback(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }
}
