// Addresses. ZeroMQ takes more kinds than we do, and takes what lies at a socket's path away
// without asking; both are settled here, before it sees the address.
import Glibc
import Storage

/// An address that a link can have.
enum Endpoint: Equatable {
  case tcp(String)
  /// A Unix socket at a path.
  case ipc(path: String)

  /// Bytes of a path in sockaddr_un, without its NUL.
  static let pathByteCountMax = 107

  /// Reads an address that somebody gave. A server's may say `*` for all addresses and `*` for a
  /// port of the kernel's choice.
  init(_ text: String, isServer: Bool) throws(MessagingError) {
    if text.hasPrefix("tcp://") {
      let parts = text.dropFirst(6).split(separator: ":", omittingEmptySubsequences: false)
      let host = parts.dropLast().joined(separator: ":")
      // libzmq takes port 99999 and listens on 34463.
      let port = parts.last.flatMap { UInt16($0) } ?? 0
      guard !host.isEmpty, !text.utf8.contains(0), port > 0 || (isServer && parts.last == "*"),
        isServer || host != "*"
      else { throw .badEndpoint(text) }
      self = .tcp(text)
    } else if text.hasPrefix("ipc://") {
      let path = String(text.dropFirst(6))
      // '@' and '*' are ZeroMQ's: an abstract name, which has no owner, and a folder of its choice.
      guard !path.isEmpty, !path.hasPrefix("@"), path != "*", !path.utf8.contains(0) else {
        throw .badEndpoint(text)
      }
      guard path.utf8.count <= Self.pathByteCountMax else {
        throw .pathTooLong(
          path: path, limit: Self.pathByteCountMax, found: path.utf8.count)
      }
      self = .ipc(path: path)
    } else {
      throw .badEndpoint(text)
    }
  }

  /// Reads what libzmq says it listens on.
  init(reported text: String) throws(MessagingError) {
    try self.init(Self.withoutMapping(text), isServer: true)
  }

  /// An address of IPv4 as users write it: a socket that speaks IPv6 too calls 10.0.0.1
  /// `::ffff:10.0.0.1`.
  static func withoutMapping(_ text: String) -> String {
    let mapped = "tcp://[::ffff:"
    if text.hasPrefix(mapped), let end = text.lastIndex(of: "]") {
      return "tcp://" + text.dropFirst(mapped.count).prefix(upTo: end)
        + text[text.index(after: end)...]
    }
    return text.hasPrefix("::ffff:") ? String(text.dropFirst(7)) : text
  }

  /// What libzmq says of a peer, as it may be shown: its address, or `this machine's process 4711`
  /// behind a Unix socket, which libzmq calls `localhost:USER:GROUP:PROCESS`.
  static func peerAddress(_ bytes: some Collection<UInt8>) -> String {
    let scalars = String(decoding: bytes.prefix(64), as: UTF8.self).unicodeScalars
    let shown = String(String.UnicodeScalarView(scalars.filter { !MessageCodec.isControl($0) }))
    let parts = shown.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count == 4, parts[0] == "localhost" { return "this machine's process \(parts[3])" }
    return withoutMapping(shown)
  }

  var text: String {
    switch self {
    case .tcp(let text): text
    case .ipc(let path): "ipc://" + path
    }
  }

  /// The same place as seen from this machine: a server on all addresses is reached on loopback.
  var onThisMachine: Endpoint {
    guard case .tcp(let text) = self else { return self }
    for wildcard in ["tcp://[::]:", "tcp://0.0.0.0:"] where text.hasPrefix(wildcard) {
      return .tcp("tcp://127.0.0.1:" + text.dropFirst(wildcard.count))
    }
    return self
  }

  /// Checks that listening takes nothing away from anybody: the folder is private, and at the path
  /// is nothing, or a socket that nobody serves any more (libzmq replaces it).
  func checkBeforeListening() throws(MessagingError) {
    guard case .ipc(let path) = self else { return }
    let folder = Path.parent(path)
    do throws(MessagingError) {
      try PrivateFile.checkFolder(folder)
    } catch {
      if error == .missing(path: folder) { throw .listen(endpoint: text, code: ENOENT) }
      throw error
    }
    var raw = stat()
    guard unsafe lstat(path, &raw) == 0 else {
      if errno == ENOENT { return }
      throw .storage(.last(.inspect, path, errno: errno))
    }
    guard raw.st_mode & S_IFMT == S_IFSOCK else { throw .occupied(path: path) }
    guard !Self.isServed(path) else { throw .inUse(path: path) }
  }

  private static func isServed(_ path: String) -> Bool {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { _ = close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    return status == 0
  }
}
