import Storage
import TestSupport
import Testing

struct DigestTests {
  private func digest(_ algorithm: DigestAlgorithm, _ pieces: [UInt8]...) -> Digest {
    var digester = Digester(algorithm)
    for piece in pieces { unsafe digester.update(piece.span.bytes) }
    return digester.finish()
  }

  // Vectors: xxHash's own sanity tests and FIPS 180-4.
  @Test func `XXH3-128 gives the published digests`() {
    #expect(digest(.xxh3).hex == "99aa06d3014798d86001c324468d497f")
    #expect(digest(.xxh3, Array("abc".utf8)).hex == "06b05ab6733a618578af5f94892f3950")
    #expect(Digest.xxh3("").description == "xxh3:99aa06d3014798d86001c324468d497f")
  }

  @Test func `SHA-256 gives the published digests`() {
    #expect(
      digest(.sha256).hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      digest(.sha256, Array("abc".utf8)).description
        == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }

  @Test(arguments: DigestAlgorithm.allCases)
  func `pieces in order have the digest of the whole`(algorithm: DigestAlgorithm) {
    var generator = SeededGenerator(seed: 1)
    let bytes = (0..<5000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    for cut in [0, 1, 63, 240, 241, 1024, 4999, 5000] {
      #expect(
        digest(algorithm, Array(bytes[..<cut]), Array(bytes[cut...])) == digest(algorithm, bytes))
    }
  }

  @Test(arguments: DigestAlgorithm.allCases)
  func `a digest's text is read back`(algorithm: DigestAlgorithm) {
    let value = digest(algorithm, [1, 2, 3])
    #expect(Digest(value.description) == value)
  }

  @Test(arguments: [
    "", "xxh3", "xxh3:", "xxh3:99aa06d3014798d86001c324468d497",
    "md5:99aa06d3014798d86001c324468d497f",
    "xxh3:99AA06D3014798D86001C324468D497F", "xxh3:99aa06d3014798d86001c324468d497g",
    "sha256:99aa06d3014798d86001c324468d497f", "xxh3:99aa06d3014798d86001c324468d497f:",
    "xxh3:99aa06d3014798d86001c324468d497f00",
  ]) func `another text is no digest`(text: String) {
    #expect(Digest(text) == nil)
  }

  @Test func `a buffer is zeroed and aligned for every vector width`() {
    for byteCount in [0, 1, 4096, 100_001] {
      let buffer = Buffer(byteCount: byteCount)
      let bytes = unsafe Array(buffer.bytes)
      let address = unsafe Int(bitPattern: buffer.bytes.baseAddress)
      #expect(bytes == [UInt8](repeating: 0, count: max(64, byteCount)))
      #expect(address % 64 == 0)
    }
  }
}
