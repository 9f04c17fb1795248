// The coordinator's end: a ROUTER that all workers connect to, the doorkeeper that decides who may,
// and the monitor that keeps strangers' failures in sight. Who a peer is comes from its key alone,
// never from its routing id, which anybody could choose.
import CZeroMQ
import Glibc
import Storage

/// The coordinator's side. Used by one thread, which calls `Poll.wait` in a loop: handshakes are
/// answered there and in `receive`.
package final class RouterLink: Link {
  /// Refusals kept between two `takeRefusals`.
  private static let refusalCountMax = 64
  /// Messages dropped, handshakes answered or events taken in by one call, so that nobody who sends
  /// without end keeps the loop from its other work. What is left is found at its next turn.
  private static let turnCountMax = 1000

  /// The address that was bound, with what the kernel chose for wildcards: `tcp://[::]:40123`.
  package let endpoint: String
  /// The same place for clients on this machine: `tcp://127.0.0.1:40123`.
  package let localEndpoint: String
  /// Refusals so far, with those that were not kept.
  package private(set) var refusalCount = 0

  private let allowList: AllowList
  private let publicKey: PublicKey
  private let connectionCountMax: Int
  private var refusals: [Refusal] = []
  private var answers = AnswerLimit()
  private var connections = Connections()
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
      ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_DISCONNECTED
      | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
    let watched = try WatchedSocket(socket, doorkeeper.context, events: events)
    try watched.socket.bind(wanted.text)
    let bound = try Endpoint(reported: try watched.socket.lastEndpoint())

    endpoint = bound.text
    localEndpoint = bound.onThisMachine.text
    self.allowList = allowList
    publicKey = keys.publicKey
    // The rest is for the process's own files.
    connectionCountMax = Context.descriptorCountMax() / 5 * 4
    self.watched = watched
    self.doorkeeper = doorkeeper
    super.init()
  }

  /// Hands a message to a peer's connection. What must arrive is sent again later.
  package func send(_ bytes: [UInt8], to peer: Peer) -> Sending {
    invariant(bytes.count <= MessageCodec.byteCountMax, "sending \(bytes.count) bytes")
    let sending = watched.socket.send(peer.routingID, hasMore: true)
    return sending == .sent ? watched.socket.send(bytes) : sending
  }

  /// The next message of an authorised worker; nil where none has come. Never blocks.
  ///
  /// The allow-list is asked anew for every message. What it does not admit is dropped and noted,
  /// and the sender is told to go.
  package func receive() -> Incoming? {
    attend()
    for _ in 0..<Self.turnCountMax {
      guard let frames = watched.socket.receiveAll() else { return nil }
      // The key is on the payload: libzmq 4.3.4 may lose it on the part before.
      let key = frames.last?.userID.flatMap { PublicKey($0) }
      guard frames.count == 2, let key else {
        note(.malformedMessage(key))
        continue
      }
      let peer = Peer(routingID: frames[0].bytes)
      let bytes = frames[1].bytes
      let address = Endpoint.peerAddress((frames[1].address ?? "").utf8)
      switch allowList.verdict(on: key, from: address) {
      case .admitted(let name):
        takeEvents()
        if let descriptor = frames[1].descriptor { connections.heard(descriptor, peer) }
        return Incoming(peer: peer, key: key, name: name, bytes: bytes)
      case .refused(let fault):
        note(.droppedMessage(key, fault, address: address))
        if fault != .listUnusable { refuse(peer, fault.reason(address: address), answering: bytes) }
      }
    }
    return nil
  }

  /// Peers whose connections were lost since the last call: closed, killed, or silent for up
  /// to 4.7 s. Strangers are not among them, nor is anybody of whom no authorised message was
  /// received. A message to a lost peer may still be taken in the moment after.
  package func takeLostPeers() -> [Peer] {
    attend()
    return connections.takeLost()
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
          refusals.removeAll {
            if case .refusedKey(keys.publicKey, _, _) = $0 { true } else { false }
          }
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
    for _ in 0..<Self.turnCountMax {
      guard let answer = doorkeeper.answerNext(allowList) else { break }
      switch answer {
      case .admitted, .elsewhere: break
      case .refused(let key, let fault, let address):
        note(.refusedKey(key, fault, address: address))
      case .malformed(let address): note(.malformedRequest(address: address))
      }
    }
    takeEvents()
    if let problem = allowList.takeProblem() { note(.badList(problem)) }
  }

  private func takeEvents() {
    var isExhausted = false
    for _ in 0..<Self.turnCountMax {
      guard let event = watched.nextEvent() else { break }
      switch event.number {
      case ZMQ_EVENT_ACCEPTED: connections.accepted(Int32(bitPattern: event.value))
      case ZMQ_EVENT_DISCONNECTED: connections.disconnected(Int32(bitPattern: event.value))
      case ZMQ_EVENT_ACCEPT_FAILED:
        // Others mean that the client went before it was accepted.
        let codes = [EMFILE, ENFILE, ENOBUFS, ENOMEM]
        if codes.contains(Int32(bitPattern: event.value)) { isExhausted = true }
      default: note(.failedHandshake)
      }
    }
    if isExhausted || connections.count > connectionCountMax { makeRoom(isExhausted) }
  }

  /// Cuts off strangers, the oldest first, so that libzmq can accept and the process open files.
  ///
  /// The descriptors are libzmq's, which closes them itself on seeing the end. One that it closed
  /// in this moment may be another connection's already: a newcomer's, who comes again, or a
  /// file's, which cannot be shut down.
  private func makeRoom(_ isExhausted: Bool) {
    note(.notAccepted)
    let excess = max(connections.count - connectionCountMax, isExhausted ? 16 : 0)
    for _ in 0..<excess {
      guard let descriptor = connections.takeOldestStranger() else { return }
      _ = shutdown(descriptor, Int32(SHUT_RDWR))
    }
  }

  /// Tells a worker that it may not work here, in answer to its message; garbage gets no answer.
  private func refuse(_ peer: Peer, _ reason: String, answering bytes: [UInt8]) {
    let its: Envelope
    do throws(MessageError) { (_, its) = try MessageCodec.decodeWorker(bytes) } catch {
      return  // not a worker's words: nobody there would understand ours
    }
    guard answers.allows(peer, now: .now) else { return }
    let envelope = Envelope(epoch: its.epoch, session: its.session, sequence: 1)
    // Not sent is as good as lost: a later message is answered again.
    _ = send(MessageCodec.encode(.refuse(reason: reason), envelope), to: peer)
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
    // The coordinator alone pings: a worker that answers nothing for two seconds is gone to it, and
    // it is gone to a worker that hears no ping for four and a half (the ping says so). Both
    // pinging would cost a thousand idle workers twice as much. So would a time to answer near the
    // interval or above it: to cancel a timer libzmq walks through all that end sooner.
    try socket.set(ZMQ_HEARTBEAT_IVL, 2700)
    try socket.set(ZMQ_HEARTBEAT_TIMEOUT, 2000)
    try socket.set(ZMQ_HEARTBEAT_TTL, 4500)
    try socket.set(ZMQ_ROUTER_MANDATORY, 1)
    // Hundreds of workers start at once; the default of 100 stalls them.
    try socket.set(ZMQ_BACKLOG, 4096)
    try socket.set(ZMQ_CURVE_SERVER, 1)
    try socket.set(ZMQ_ZAP_DOMAIN, domain)
    try socket.set(enforceDomain, 1)
  }
}
