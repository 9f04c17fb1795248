// The bytes before an output file's tensors, put together from the base's and from new ones.
import GGUF
import Storage

struct GGUFPrelude: ~Copyable {
  /// A key as it stands in the base, or as it must be said anew.
  enum Key {
    case kept(GGUFField, input: Int)
    case new([UInt8])
  }

  private var pieces: [Prelude.Piece] = []
  private var digester = Digester(.xxh3)
  private(set) var byteCount: Int64 = 0

  mutating func append(_ bytes: [UInt8]) {
    count(bytes)
    guard case .bytes(let before) = pieces.last else { return pieces.append(.bytes(bytes)) }
    pieces[pieces.count - 1] = .bytes(before + bytes)
  }

  mutating func append(_ key: Key) {
    switch key {
    case .new(let bytes): append(bytes)
    case .kept(let field, let input):
      count(GGUFLayout.field(field))
      var start = field.byteRange.lowerBound
      if case .input(input, let first, let length) = pieces.last, first + length == start {
        start = first
        pieces.removeLast()
      }
      pieces.append(
        .input(file: input, offset: start, byteCount: field.byteRange.upperBound - start))
    }
  }

  /// Zeros up to an alignment.
  mutating func pad(to alignment: Int64) {
    let end = byteCount.aligned(to: alignment)
    if end == byteCount { return }
    pieces.append(.zeros(end - byteCount))
    Zeros.eachBlock(end - byteCount) { digester.update($0) }
    byteCount = end
  }

  private mutating func count(_ bytes: [UInt8]) {
    unsafe digester.update(bytes.span.bytes)
    byteCount += Int64(bytes.count)
  }

  consuming func finished(alignment: Int64) -> Prelude {
    Prelude(pieces: pieces, digest: digester.finish().description, alignment: alignment)
  }
}
