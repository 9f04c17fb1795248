// A TCP connection that is no ZeroMQ: what a port scanner or a stranger does.
import Glibc
import Storage

/// Open until it is let go.
final class RawConnection {
  private let descriptor: Int32

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw StorageError.last(.open, "port \(port)", errno: errno) }
  }

  deinit { _ = close(descriptor) }

  func say(_ text: String) {
    unsafe _ = send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL))
  }
}
