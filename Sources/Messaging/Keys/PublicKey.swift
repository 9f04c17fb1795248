// The public half of a CURVE key: who a peer is. Written as Z85, 40 characters for 32 bytes.
import CZeroMQ

/// A CURVE public key. Two are equal where their texts are: Z85 has one text per key.
package struct PublicKey: Hashable, Sendable, CustomStringConvertible {
  /// Characters of a key's text.
  package static let characterCount = 40

  /// The key as Z85.
  package let text: String

  /// Reads a key's text; nil where it is anything else.
  package init?(_ text: some StringProtocol) {
    guard text.utf8.count == Self.characterCount, !text.utf8.contains(0) else { return nil }
    let owned = String(text)
    var bytes = [UInt8](repeating: 0, count: 32)
    guard unsafe zmq_z85_decode(&bytes, owned) != nil else { return nil }
    self.text = owned
  }

  /// The key of 32 raw bytes, as the handshake carries them; nil where there are more or fewer.
  init?(rawBytes: [UInt8]) {
    guard rawBytes.count == 32 else { return nil }
    var text = [CChar](repeating: 0, count: Self.characterCount + 1)
    guard unsafe zmq_z85_encode(&text, rawBytes, rawBytes.count) != nil else { return nil }
    self.text = String(decoding: text.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  package var description: String { text }
}
