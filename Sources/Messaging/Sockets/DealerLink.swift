// A worker's end: a DEALER that connects to the coordinator and, through its monitor, learns what
// libzmq keeps to itself: that it was refused, or that the server is not the one it looks for.
import CZeroMQ
import Storage

/// What happened to a worker's connection.
package enum LinkEvent: Equatable, Sendable {
  /// The coordinator proved its key and admitted ours. Nothing sent before has arrived.
  case connected
  /// The connection is gone; another is being tried for. What was under way may be lost.
  case disconnected
  /// Our key is not authorised. libzmq gives up here: `reconnect()` tries again.
  case refused
  /// Three handshakes in a row failed: the server holds another key than the one expected, or is no
  /// coordinator. libzmq goes on trying.
  case wrongServerKey
}

/// A worker's side. Used by one thread, which calls `Poll.wait` in a loop.
package final class DealerLink: Link {
  private static let failedHandshakeCountMax = 3

  /// Where the coordinator is looked for.
  package private(set) var endpoint: String
  /// The key that it must prove to have.
  package private(set) var serverKey: PublicKey

  private let keys: KeyPair
  private let context: Context
  private var watched: WatchedSocket
  private var pending: [LinkEvent] = []
  private var isConnected = false
  private var failedHandshakeCount = 0

  /// Begins to connect; `events` tells how it went.
  package init(
    endpoint: String, serverKey: PublicKey, keys: KeyPair
  ) throws(MessagingError) {
    let context = try Context.forDealer()
    watched = try Self.connect(context, endpoint, serverKey, keys)
    self.endpoint = endpoint
    self.serverKey = serverKey
    self.keys = keys
    self.context = context
    super.init()
  }

  /// Hands a message to the connection. False where there is none or it takes nothing: the message
  /// is not sent, and nothing is kept for a coordinator's next life. True is no proof of arrival,
  /// least of all in the moment after a connection broke.
  package func send(_ bytes: [UInt8]) -> Bool {
    invariant(bytes.count <= MessageCodec.byteCountMax, "sending \(bytes.count) bytes")
    return watched.socket.send(bytes) == .sent
  }

  /// The next message of the coordinator; nil where none has come. Never blocks.
  package func receive() -> [UInt8]? {
    while let frames = watched.socket.receiveAll() {
      if frames.count == 1 { return frames[0].bytes }
    }
    return nil
  }

  /// What happened since the last call, in order.
  package func events() -> [LinkEvent] {
    attend()
    defer { pending = [] }
    return pending
  }

  /// Begins anew with a socket of its own: after a refusal, or because the coordinator is found
  /// elsewhere or with another key. Unsent messages are dropped. Where this throws, the old
  /// connection stays. Not for every disconnection: libzmq reconnects by itself.
  package func reconnect(
    to endpoint: String? = nil, serverKey: PublicKey? = nil
  ) throws(MessagingError) {
    let endpoint = endpoint ?? self.endpoint
    let serverKey = serverKey ?? self.serverKey
    watched = try Self.connect(context, endpoint, serverKey, keys)
    self.endpoint = endpoint
    self.serverKey = serverKey
    pending = []
    isConnected = false
    failedHandshakeCount = 0
  }

  override var items: [zmq_pollitem_t] {
    unsafe [Self.item(watched.socket), Self.item(watched.monitor)]
  }

  override func attend() {
    while let event = watched.nextEvent() {
      switch event.number {
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        isConnected = true
        failedHandshakeCount = 0
        note(.connected)
      case ZMQ_EVENT_DISCONNECTED:
        if isConnected { note(.disconnected) }
        isConnected = false
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        // 300 and 500 mean "not now", and libzmq tries again by itself.
        if event.value == 400 { note(.refused) }
      default:
        failedHandshakeCount += 1
        if failedHandshakeCount == Self.failedHandshakeCountMax { note(.wrongServerKey) }
      }
    }
  }

  /// Events nobody asks for must not pile up: the last few say all there is.
  private func note(_ event: LinkEvent) {
    if pending.count == 64 { pending.removeFirst() }
    pending.append(event)
  }

  private static func connect(
    _ context: Context, _ endpoint: String, _ serverKey: PublicKey, _ keys: KeyPair
  ) throws(MessagingError) -> WatchedSocket {
    let target = try Endpoint(endpoint, isServer: false)
    let socket = try Socket(context, type: ZMQ_DEALER)
    try setCommonOptions(socket)
    // Without a connection a send fails, instead of waiting for a coordinator's next life.
    try socket.set(ZMQ_IMMEDIATE, 1)
    try socket.set(ZMQ_SNDTIMEO, 0)
    try socket.set(ZMQ_CONNECT_TIMEOUT, 5000)
    // libzmq adds a random part of up to the first of these, so that workers do not come in step.
    try socket.set(ZMQ_RECONNECT_IVL, 200)
    try socket.set(ZMQ_RECONNECT_IVL_MAX, 1000)
    try socket.set(ZMQ_CURVE_SERVERKEY, serverKey.text)
    try socket.set(keys)
    let events =
      ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
      | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
    let watched = try WatchedSocket(socket, context, events: events)
    try watched.socket.connect(target.text)
    return watched
  }
}
