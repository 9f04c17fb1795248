// What a router gives out: a message with all that is known of its sender, and the way to answer.

/// The way back to the sender of a message. Good for one connection: a worker that reconnects has
/// another, and a coordinator's next life must not remember it.
package struct Peer: Hashable, Sendable {
  let routingID: [UInt8]

  package init(routingID: [UInt8]) { self.routingID = routingID }
}

/// A message and who sent it.
package struct Incoming: Equatable, Sendable {
  package let peer: Peer
  /// The key that the sender proved to have; authorised when the message was taken.
  package let key: PublicKey
  /// The name that the allow-list gives to the key.
  package let name: String
  package let bytes: [UInt8]

  package init(peer: Peer, key: PublicKey, name: String, bytes: [UInt8]) {
    self.peer = peer
    self.key = key
    self.name = name
    self.bytes = bytes
  }
}
