// Answers libzmq's question who may connect (ZAP, zeromq RFC 27): a REP socket at a fixed address,
// asked by libzmq's own thread at every handshake. Request: version, request id, domain, address,
// routing id, mechanism, then the client's key of 32 bytes. Reply: version, request id, status,
// text, user id, metadata. The user id, the key's Z85, comes back to us on every message's part.
import CZeroMQ
import Synchronization

/// Admits the keys of an allow-list, and nothing else whatever the request looks like.
struct Doorkeeper: ~Copyable {
  private static let endpoint = "inproc://zeromq.zap.01"
  private static let count = Atomic<UInt64>(0)

  /// What the server's socket must carry, enforced: without both, libzmq admits everybody where no
  /// doorkeeper is. Of its own, because a server that is closing may still ask the next doorkeeper.
  let domain: String

  /// Where the server's socket must be made: no other doorkeeper is there.
  let context: Context
  let socket: Socket

  /// Must exist before the server's socket is bound.
  init() throws(MessagingError) {
    let context = try Context.forRouter()
    do throws(MessagingError) {
      socket = try Self.bound(context)
    } catch {
      context.giveBack()
      throw error
    }
    self.context = context
    domain = "merge-\(Self.count.add(1, ordering: .relaxed).newValue)"
  }

  deinit {
    socket.unbind(Self.endpoint)
    context.giveBack()
  }

  /// Answers the next request; nil where none waits, otherwise how it was answered.
  func answerNext(_ allowList: AllowList) -> Answer? {
    guard let request = socket.receiveAll() else { return nil }
    let parts = request.map(\.bytes)
    let requestID = parts.count > 1 ? parts[1] : []
    let address = parts.count > 3 ? Endpoint.peerAddress(parts[3]) : ""
    if parts.count > 2, parts[2] != Array(domain.utf8) {
      reply(requestID, status: "400", text: "another server's", userID: "")
      return .elsewhere
    }
    guard parts.count == 7, parts[0] == Array("1.0".utf8), parts[5] == Array("CURVE".utf8),
      let key = PublicKey(rawBytes: parts[6])
    else {
      reply(requestID, status: "400", text: "malformed request", userID: "")
      return .malformed(address: address)
    }
    switch allowList.verdict(on: key, from: address) {
    case .admitted:
      reply(requestID, status: "200", text: "", userID: key.text)
      return .admitted
    case .refused(let fault):
      // 300 means "not now": the client is not told and tries again when its handshake timed out.
      let status = fault == .listUnusable ? "300" : "400"
      reply(requestID, status: status, text: "key not authorised", userID: "")
      return .refused(key, fault, address: address)
    }
  }

  /// What was answered.
  enum Answer {
    case admitted
    case refused(PublicKey, KeyFault, address: String)
    case malformed(address: String)
    /// The question was another server's.
    case elsewhere
  }

  private static func bound(_ context: Context) throws(MessagingError) -> Socket {
    let socket = try Socket(context, type: ZMQ_REP)
    try socket.bind(endpoint)
    return socket
  }

  private func reply(_ requestID: [UInt8], status: String, text: String, userID: String) {
    let parts = [
      Array("1.0".utf8), requestID, Array(status.utf8), Array(text.utf8), Array(userID.utf8), [],
    ]
    // A reply that cannot be sent has nobody waiting for it any more.
    for (index, part) in parts.enumerated() {
      guard socket.send(part, hasMore: index + 1 < parts.count) == .sent else { return }
    }
  }
}
