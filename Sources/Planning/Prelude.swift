// What stands before the tensors of an output file that is no safetensors file, and how its tensors
// are laid. A worker puts it together without knowing the format.

/// A file's first bytes, in pieces.
package struct Prelude: Equatable, Sendable {
  package enum Piece: Equatable, Sendable {
    case bytes([UInt8])
    /// Bytes of an input file.
    case input(file: Int, offset: Int64, byteCount: Int64)
    case zeros(Int64)

    package var byteCount: Int64 {
      switch self {
      case .bytes(let bytes): Int64(bytes.count)
      case .input(_, _, let byteCount), .zeros(let byteCount): byteCount
      }
    }
  }

  package var pieces: [Piece]
  /// `xxh3:…` of all its bytes.
  package var digest: String
  /// Every tensor begins at a multiple of it, counted from the prelude's end, and so does what
  /// would follow the last one; the bytes between are zeros.
  package var alignment: Int64

  package init(pieces: [Piece], digest: String, alignment: Int64) {
    self.pieces = pieces
    self.digest = digest
    self.alignment = alignment
  }

  /// Input files that it takes bytes from.
  var files: [Int] {
    pieces.compactMap { piece in
      if case .input(let file, _, _) = piece { file } else { nil }
    }
  }

  /// Turns every input index `i` into `places[i]`.
  mutating func renumber(_ places: (Int) -> Int) {
    pieces = pieces.map { piece in
      guard case .input(let file, let offset, let byteCount) = piece else { return piece }
      return .input(file: places(file), offset: offset, byteCount: byteCount)
    }
  }
}
