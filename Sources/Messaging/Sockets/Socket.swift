// A ZeroMQ socket: owned by one scope, used by one thread, closed when that scope ends. Every call
// is non-blocking; waiting is `Poll`'s.
import CZeroMQ
import Glibc
import Storage

/// One part of a message as it came.
struct Frame {
  var bytes: [UInt8]
  /// True where more parts of the same message follow.
  var hasMore: Bool
  /// The key that the peer proved to have, as Z85. Not on a router's first part: libzmq 4.3.4 loses
  /// it there where the socket was polled.
  var userID: String?
  /// Where the peer is, as the kernel says; not on a router's first part.
  var address: String?
  /// The connection it came over; not on a router's first part.
  var descriptor: Int32?
}

/// A ZeroMQ socket.
///
/// Safe: the handles are private, live as long as the value and never leave it but for `Poll`.
@safe struct Socket: ~Copyable {
  /// For `Poll`, which keeps it only while the socket's owner lives.
  let handle: UnsafeMutableRawPointer
  // Reused for every part; at one address all its life, as libzmq demands.
  private let message: UnsafeMutablePointer<zmq_msg_t>

  init(_ context: Context, type: Int32) throws(MessagingError) {
    guard let handle = unsafe zmq_socket(context.handle, type) else {
      throw .socket(code: zmq_errno())
    }
    // Nothing we send is worth waiting for when the socket closes: what matters is resent.
    var linger: Int32 = 0
    let status = unsafe zmq_setsockopt(handle, ZMQ_LINGER, &linger, 4)
    invariant(status == 0, "a socket that must linger")
    unsafe self.handle = handle
    unsafe message = UnsafeMutablePointer<zmq_msg_t>.allocate(capacity: 1)
  }

  deinit {
    unsafe _ = zmq_close(handle)
    unsafe message.deallocate()
  }

  func set(_ option: Int32, _ value: Int32) throws(MessagingError) {
    var value = value
    guard unsafe zmq_setsockopt(handle, option, &value, 4) == 0 else {
      throw .socket(code: zmq_errno())
    }
  }

  func set(wide option: Int32, _ value: Int64) throws(MessagingError) {
    var value = value
    guard unsafe zmq_setsockopt(handle, option, &value, 8) == 0 else {
      throw .socket(code: zmq_errno())
    }
  }

  func set(_ option: Int32, _ value: String) throws(MessagingError) {
    guard unsafe zmq_setsockopt(handle, option, value, value.utf8.count) == 0 else {
      throw .socket(code: zmq_errno())
    }
  }

  /// Proves who we are in handshakes from now on. libzmq keeps the secret in the socket's options
  /// and in each connection's state for as long as these live, and does not wipe them: out of our
  /// reach, and the reason why a key's own memory is not the only place to keep from core dumps.
  func set(_ keys: KeyPair) throws(MessagingError) {
    try set(ZMQ_CURVE_PUBLICKEY, keys.publicKey.text)
    let status = unsafe keys.withSecret { secret in
      unsafe zmq_setsockopt(handle, ZMQ_CURVE_SECRETKEY, secret.baseAddress, secret.count)
    }
    guard status == 0 else { throw .socket(code: zmq_errno()) }
  }

  func bind(_ endpoint: String) throws(MessagingError) {
    guard unsafe zmq_bind(handle, endpoint) == 0 else {
      throw .listen(endpoint: endpoint, code: zmq_errno())
    }
  }

  /// Frees an address at once; closing alone frees it some time later.
  func unbind(_ endpoint: String) { unsafe _ = zmq_unbind(handle, endpoint) }

  func connect(_ endpoint: String) throws(MessagingError) {
    guard unsafe zmq_connect(handle, endpoint) == 0 else {
      throw .connect(endpoint: endpoint, code: zmq_errno())
    }
  }

  /// The address bound last, with wildcards replaced by what the kernel chose.
  func lastEndpoint() throws(MessagingError) -> String {
    var text = [UInt8](repeating: 0, count: 1024)
    var count = text.count
    guard unsafe zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &text, &count) == 0 else {
      throw .socket(code: zmq_errno())
    }
    return String(decoding: text[..<max(0, count - 1)], as: UTF8.self)
  }

  /// Reports this socket's events to a monitor.
  func report(_ events: Int32, to endpoint: String) throws(MessagingError) {
    guard unsafe zmq_socket_monitor(handle, endpoint, events) == 0 else {
      throw .socket(code: zmq_errno())
    }
  }

  /// Returns when no event will be reported any more.
  func stopReporting() { unsafe _ = zmq_socket_monitor(handle, nil, 0) }

  /// Sends one part of a message.
  func send(_ bytes: [UInt8], hasMore: Bool = false) -> Sending {
    let flags = ZMQ_DONTWAIT | (hasMore ? ZMQ_SNDMORE : 0)
    while unsafe zmq_send(handle, bytes, bytes.count, flags) < 0 {
      let code = zmq_errno()
      switch code {
      case EINTR: continue
      case EAGAIN: return .full
      default:
        invariant(code == EHOSTUNREACH, "sending failed with \(code)")
        return .unreachable
      }
    }
    return .sent
  }

  /// The next part of the next message, or nil where nothing has come.
  func receive() -> Frame? {
    unsafe zmq_msg_init(message)
    defer { unsafe _ = zmq_msg_close(message) }
    while unsafe zmq_msg_recv(message, handle, ZMQ_DONTWAIT) < 0 {
      let code = zmq_errno()
      if code == EINTR { continue }
      invariant(code == EAGAIN, "receiving failed with \(code)")
      return nil
    }
    let start = unsafe zmq_msg_data(message)
    let raw = unsafe UnsafeRawBufferPointer(start: start, count: zmq_msg_size(message))
    let descriptor = unsafe zmq_msg_get(message, ZMQ_SRCFD)
    return unsafe Frame(
      bytes: Array(raw), hasMore: zmq_msg_more(message) == 1, userID: property("User-Id"),
      address: property("Peer-Address"), descriptor: descriptor < 0 ? nil : descriptor)
  }

  /// What libzmq knows of the received message's connection.
  private func property(_ name: String) -> String? {
    unsafe zmq_msg_gets(message, name).map { unsafe String(cString: $0) }
  }

  /// All parts of the next message, or nil where nothing has come. No message of ours has more than
  /// eight; of one that has, the rest is dropped.
  func receiveAll() -> [Frame]? {
    guard let first = receive() else { return nil }
    var frames = [first]
    var hasMore = first.hasMore
    while hasMore, let frame = receive() {
      if frames.count < 8 { frames.append(frame) }
      hasMore = frame.hasMore
    }
    return frames
  }
}
