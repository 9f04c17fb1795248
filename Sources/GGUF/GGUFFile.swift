// A file of llama.cpp's container as its header describes it. Tensor bytes are not read here.
//
//   47 47 55 46 | 03 00 00 00            GGUF, version 3; little-endian throughout
//   02 …(8) | 01 …(8)                    2 tensors, 1 key
//   14 …(8) general.architecture | 08 00 00 00 | 05 …(8) llama       a key, its type, its value
//   11 …(8) token_embd.weight | 02 00 00 00 | 40 …(8) | 08 …(8) | 0C 00 00 00 | 00 …(8)
//                                        a name, 2 dimensions (columns first), Q4_K, its offset
//   …                                    zeros up to the alignment, then the tensors' bytes, each
//                                        tensor on the alignment
//
// Strict where ggml's own reader is strict (`gguf.cpp`): no name twice, no nested list, tensors one
// behind the other in the header's order. Bytes behind the last tensor are let pass, as there.
package import Storage

/// A file's header.
package struct GGUFFile: Equatable, Sendable {
  /// As it was given to `read`.
  package let path: String
  package let fileByteCount: Int64
  /// Nanoseconds since 1970, as the file system had it.
  package let modified: Int64
  package let version: UInt32
  /// In the file's order.
  package let fields: [GGUFField]
  /// In the file's order, which is that of their bytes.
  package let tensors: [GGUFTensor]
  /// Every tensor begins at a multiple of it.
  package let alignment: Int64
  /// Where the tensors' bytes begin in the file.
  package let dataOffset: Int64
  /// XXH3-128 of all bytes up to the end of what describes the tensors.
  package let digest: Digest

  /// Endings of such files' names.
  package static let ending = ".gguf"
  /// Longer headers are refused: vocabularies take some tens of megabytes.
  static let headerByteCountMax: Int64 = 1 << 30

  /// The value of a key, nil where there is none.
  package subscript(key: String) -> GGUFValue? { fields.first { $0.key == key }?.value }

  /// Reads and checks a file's header against the format and against the file's own size.
  package static func read(_ path: String) throws(GGUFError) -> GGUFFile {
    do throws(GGUFReadError) {
      return try HeaderReader.read(path)
    } catch {
      switch error {
      case .storage(let error): throw .storage(error)
      case .fault(let fault): throw .malformed(path: path, fault)
      }
    }
  }
}
