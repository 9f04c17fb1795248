// A CURVE key with its secret. The secret lies in one block of memory that is wiped when its owner
// goes; it is never a String, never in a message, never on a command line.
import CLinux
import CZeroMQ
import Storage

/// Proves who we are. Used by the thread that made it.
///
/// Safe: the block is private, allocated once and freed in deinit.
@safe package final class KeyPair {
  package let publicKey: PublicKey
  // 40 characters of Z85 and a NUL.
  private let secret: UnsafeMutableBufferPointer<CChar>

  private init(
    publicKey: PublicKey, takingSecret secret: UnsafeMutableBufferPointer<CChar>
  ) {
    self.publicKey = publicKey
    unsafe self.secret = secret
  }

  deinit { unsafe Self.wipe(secret) }

  /// A new random key.
  package static func generate() -> KeyPair {
    let secret = unsafe emptySecret()
    var text = [CChar](repeating: 0, count: PublicKey.characterCount + 1)
    let status = unsafe zmq_curve_keypair(&text, secret.baseAddress!)
    invariant(status == 0, "libzmq made no key")
    guard let publicKey = publicKey(text) else { unreachable("libzmq made a key that is none") }
    return unsafe KeyPair(publicKey: publicKey, takingSecret: secret)
  }

  /// The key of a secret's Z85 text; nil where the bytes are no such text. The caller wipes them.
  init?(secretText: [UInt8]) {
    guard secretText.count == PublicKey.characterCount, !secretText.contains(0) else { return nil }
    let secret = unsafe Self.emptySecret()
    for i in secretText.indices { unsafe secret[i] = CChar(bitPattern: secretText[i]) }
    var text = [CChar](repeating: 0, count: PublicKey.characterCount + 1)
    guard unsafe zmq_curve_public(&text, secret.baseAddress!) == 0,
      let publicKey = Self.publicKey(text)
    else {
      unsafe Self.wipe(secret)
      return nil
    }
    self.publicKey = publicKey
    unsafe self.secret = secret
  }

  /// Lends the secret's text, NUL included, for one call.
  func withSecret<Result>(
    _ body: (UnsafeBufferPointer<CChar>) -> Result
  ) -> Result {
    unsafe body(UnsafeBufferPointer(secret))
  }

  private static func publicKey(_ text: [CChar]) -> PublicKey? {
    PublicKey(String(decoding: text.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self))
  }

  private static func emptySecret() -> UnsafeMutableBufferPointer<CChar> {
    let block = UnsafeMutableBufferPointer<CChar>.allocate(capacity: PublicKey.characterCount + 1)
    unsafe block.initialize(repeating: 0)
    return unsafe block
  }

  private static func wipe(_ block: UnsafeMutableBufferPointer<CChar>) {
    unsafe sw_wipe(block.baseAddress!, block.count)
    unsafe block.deallocate()
  }
}
