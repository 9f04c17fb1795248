// The coordinator's end: a ROUTER that all workers connect to, the doorkeeper that decides who may,
// and the monitor that keeps strangers' failures in sight. Who a peer is comes from its key alone,
// never from its routing id, which anybody could choose.
import CZeroMQ
import Storage

/// The coordinator's side. Used by one thread, which calls `Poll.wait` in a loop: handshakes are
/// answered there and in `receive`.
package final class RouterLink: Link {
  /// Refusals kept between two `takeRefusals`.
  private static let refusalCountMax = 64

  /// The address that was bound, with what the kernel chose for wildcards: `tcp://[::]:40123`.
  package let endpoint: String
  /// The same place for clients on this machine: `tcp://127.0.0.1:40123`.
  package let localEndpoint: String
  /// Refusals so far, with those that were not kept.
  package private(set) var refusalCount = 0

  private let allowList: AllowList
  private let publicKey: PublicKey
  private var refusals: [Refusal] = []
  private let watched: WatchedSocket
  private let doorkeeper: Doorkeeper

  /// Listens at `tcp://ADDRESS:PORT` (`*` for all addresses, `*` for any free port) or `ipc://PATH`
  /// in a private folder.
  package init(
    endpoint text: String, keys: KeyPair, allowList: AllowList
  ) throws(MessagingError) {
    let wanted = try Endpoint(text, isServer: true)
    try wanted.checkBeforeListening()
    let doorkeeper = try Doorkeeper()
    let socket = try Socket(doorkeeper.context, type: ZMQ_ROUTER)
    try Self.setOptions(socket, domain: doorkeeper.domain)
    try socket.set(keys)
    let events =
      ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
      | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
    let watched = try WatchedSocket(socket, doorkeeper.context, events: events)
    try watched.socket.bind(wanted.text)
    let bound = try Endpoint(reported: try watched.socket.lastEndpoint())

    endpoint = bound.text
    localEndpoint = bound.onThisMachine.text
    self.allowList = allowList
    publicKey = keys.publicKey
    self.watched = watched
    self.doorkeeper = doorkeeper
    super.init()
  }

  /// Hands a message to a peer's connection. False where the peer is gone or takes nothing: the
  /// message is not sent, and what must arrive is sent again later. True is no proof of arrival.
  package func send(_ bytes: [UInt8], to peer: Peer) -> Bool {
    invariant(bytes.count <= MessageCodec.byteCountMax, "sending \(bytes.count) bytes")
    guard watched.socket.send(peer.routingID, hasMore: true) == .sent else { return false }
    return watched.socket.send(bytes) == .sent
  }

  /// The next message of an authorised worker; nil where none has come. Never blocks.
  ///
  /// The allow-list is asked anew for every message. What it does not admit is dropped and noted.
  package func receive() -> Incoming? {
    attend()
    while let frames = watched.socket.receiveAll() {
      // The key is on the payload: libzmq 4.3.4 may lose it on the part before.
      let key = frames.last?.userID.flatMap { PublicKey($0) }
      guard frames.count == 2, let key else {
        note(.malformedMessage(key))
        continue
      }
      guard let name = allowList.name(of: key) else {
        note(.withdrawnKey(key))
        continue
      }
      return Incoming(
        peer: Peer(routingID: frames[0].bytes), key: key, name: name, bytes: frames[1].bytes)
    }
    return nil
  }

  /// The first refusals since the last call, in order: at most 64, so that no flood of strangers
  /// fills memory or the log. `refusalCount` counts them all.
  package func takeRefusals() -> [Refusal] {
    attend()
    defer { refusals = [] }
    return refusals
  }

  /// Knocks at our own door with a random key, which must be refused. Call before work is given
  /// out: a libzmq that does not ask the doorkeeper admits everybody, silently.
  package func selfTest(
    with keys: KeyPair = .generate(), timeoutMilliseconds: Int = 5000
  ) throws(MessagingError) {
    let client = try DealerLink(endpoint: localEndpoint, serverKey: publicKey, keys: keys)
    let clock = ContinuousClock()
    let deadline = clock.now + .milliseconds(timeoutMilliseconds)
    while clock.now < deadline {
      Poll.wait(self, client, timeoutMilliseconds: 20)
      for event in client.events() {
        switch event {
        case .refused:
          refusals.removeAll { if case .unknownKey(keys.publicKey, _) = $0 { true } else { false } }
          return
        case .connected: throw .open(endpoint: endpoint)
        case .disconnected, .wrongServerKey: break
        }
      }
    }
    throw .noAnswer(endpoint: endpoint, milliseconds: timeoutMilliseconds)
  }

  override var items: [zmq_pollitem_t] {
    unsafe [
      Self.item(watched.socket), Self.item(watched.monitor), Self.item(doorkeeper.socket),
    ]
  }

  override func attend() {
    while let answer = doorkeeper.answerNext(allowList) {
      switch answer {
      case .admitted, .elsewhere: break
      case .refused(let key, let address): note(.unknownKey(key, address: address))
      case .malformed(let address): note(.malformedRequest(address: address))
      }
    }
    while let event = watched.nextEvent() {
      note(event.number == ZMQ_EVENT_ACCEPT_FAILED ? .notAccepted : .failedHandshake)
    }
  }

  private func note(_ refusal: Refusal) {
    refusalCount += 1
    if refusals.count < Self.refusalCountMax { refusals.append(refusal) }
  }

  private static func setOptions(
    _ socket: borrowing Socket, domain: String
  ) throws(MessagingError) {
    // Only both together make libzmq ask before it admits anybody; this header hides the name.
    let enforceDomain: Int32 = 93
    try setCommonOptions(socket)
    try socket.set(ZMQ_ROUTER_MANDATORY, 1)
    // Hundreds of workers start at once; the default of 100 stalls them.
    try socket.set(ZMQ_BACKLOG, 4096)
    try socket.set(ZMQ_CURVE_SERVER, 1)
    try socket.set(ZMQ_ZAP_DOMAIN, domain)
    try socket.set(enforceDomain, 1)
  }
}
