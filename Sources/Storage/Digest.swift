// Digests of bytes: XXH3-128 (default, detects every accident) and SHA-256 (where others must check
// it too). Hashers take bytes in order; a file's digest equals the digest of its pieces in order.
import CCrypto
import CXXHash

/// Which digest a merge records for its shards.
package enum DigestAlgorithm: String, Equatable, Sendable, CaseIterable {
  case xxh3, sha256

  /// Length of the digest in bytes.
  package var byteCount: Int { self == .xxh3 ? 16 : 32 }
}

/// A digest with its algorithm; written as `xxh3:0123…`.
package struct Digest: Hashable, Sendable, CustomStringConvertible {
  package let algorithm: DigestAlgorithm
  package let bytes: [UInt8]

  package init(algorithm: DigestAlgorithm, bytes: [UInt8]) {
    invariant(bytes.count == algorithm.byteCount, "a \(algorithm) digest of \(bytes.count) bytes")
    self.algorithm = algorithm
    self.bytes = bytes
  }

  /// Reads what `description` writes; nil where the text is anything else.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let algorithm = DigestAlgorithm(rawValue: String(parts[0])) else {
      return nil
    }
    guard let bytes = Hexadecimal.bytes(parts[1]), bytes.count == algorithm.byteCount else {
      return nil
    }
    self.init(algorithm: algorithm, bytes: bytes)
  }

  package var description: String { "\(algorithm.rawValue):\(hex)" }

  /// The digest as lower-case hexadecimal digits alone.
  package var hex: String { Hexadecimal.text(bytes) }

  /// The XXH3-128 digest of some bytes.
  package static func xxh3(_ bytes: [UInt8]) -> Digest {
    var hasher = Digester(.xxh3)
    unsafe hasher.update(bytes.span.bytes)
    return hasher.finish()
  }

  /// The XXH3-128 digest of a text's UTF-8 bytes.
  package static func xxh3(_ text: String) -> Digest { xxh3(Array(text.utf8)) }
}

/// Digests a stream of bytes in order.
///
/// Safe: the C state is private, lives as long as the value and never leaves it.
@safe package struct Digester: ~Copyable {
  private let algorithm: DigestAlgorithm
  // Owned C state, freed in deinit; exactly one of the two is set.
  private let xxh3: OpaquePointer?
  private let evp: OpaquePointer?

  package init(_ algorithm: DigestAlgorithm) {
    self.algorithm = algorithm
    switch algorithm {
    case .xxh3:
      unsafe xxh3 = XXH3_createState()
      unsafe evp = nil
      unsafe invariant(XXH3_128bits_reset(xxh3) == XXH_OK, "XXH3 state")
    case .sha256:
      unsafe xxh3 = nil
      unsafe evp = EVP_MD_CTX_new()
      unsafe invariant(EVP_DigestInit_ex(evp, EVP_sha256(), nil) == 1, "SHA-256 state")
    }
  }

  deinit {
    if let xxh3 = unsafe xxh3 { unsafe _ = XXH3_freeState(xxh3) }
    if let evp = unsafe evp { unsafe EVP_MD_CTX_free(evp) }
  }

  /// Takes the next bytes of the stream.
  package mutating func update(_ bytes: RawSpan) {
    unsafe bytes.withUnsafeBytes { raw in
      guard let start = raw.baseAddress else { return }
      if let xxh3 = unsafe self.xxh3 {
        unsafe cxx_update(xxh3, start, raw.count)
      } else {
        unsafe _ = EVP_DigestUpdate(self.evp, start, raw.count)
      }
    }
  }

  /// The digest of all bytes so far; XXH3 in its canonical big-endian form.
  package consuming func finish() -> Digest {
    switch algorithm {
    case .xxh3:
      let hash = unsafe XXH3_128bits_digest(xxh3)
      let bytes = [hash.high64, hash.low64].flatMap { word in
        (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
      }
      return Digest(algorithm: .xxh3, bytes: bytes)
    case .sha256:
      var bytes = [UInt8](repeating: 0, count: 32)
      unsafe bytes.withUnsafeMutableBufferPointer { out in
        var count: UInt32 = 0
        _ = unsafe EVP_DigestFinal_ex(evp, out.baseAddress, &count)
      }
      return Digest(algorithm: .sha256, bytes: bytes)
    }
  }
}
