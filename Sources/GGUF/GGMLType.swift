// The element types of ggml: plain numbers, and blocks of a row's neighbours that share scales.
// Numbers and sizes are those of ggml's `ggml_type` (`ggml.h`, `ggml-common.h`); numbers that are
// missing here were given up, or never stood in a file.

/// What a tensor of a GGUF file is made of.
package struct GGMLType: Equatable, Sendable {
  /// As it stands in files.
  package let id: UInt32
  /// As ggml calls it, e.g. `Q4_K`.
  package let name: String
  /// Elements of a block, 1 for plain numbers.
  package let blockElementCount: Int
  package let blockByteCount: Int

  private init(_ id: UInt32, _ name: String, _ blockElementCount: Int, _ blockByteCount: Int) {
    self.id = id
    self.name = name
    self.blockElementCount = blockElementCount
    self.blockByteCount = blockByteCount
  }

  /// The type of a number; nil for one that is not known.
  package init?(id: UInt32) {
    guard let type = Self.byID[id] else { return nil }
    self = type
  }

  /// The type of a name as ggml spells it; nil for one that is not known.
  package init?(named name: String) {
    guard let type = Self.all.first(where: { $0.name == name }) else { return nil }
    self = type
  }

  package var isPlain: Bool { blockElementCount == 1 }

  /// Bytes of a row of so many elements, a multiple of a block's.
  package func byteCount(columns: Int) -> Int { columns / blockElementCount * blockByteCount }

  package static let all: [GGMLType] = [
    .init(0, "F32", 1, 4), .init(1, "F16", 1, 2), .init(2, "Q4_0", 32, 18),
    .init(3, "Q4_1", 32, 20), .init(6, "Q5_0", 32, 22), .init(7, "Q5_1", 32, 24),
    .init(8, "Q8_0", 32, 34), .init(9, "Q8_1", 32, 40), .init(10, "Q2_K", 256, 84),
    .init(11, "Q3_K", 256, 110), .init(12, "Q4_K", 256, 144), .init(13, "Q5_K", 256, 176),
    .init(14, "Q6_K", 256, 210), .init(15, "Q8_K", 256, 292), .init(16, "IQ2_XXS", 256, 66),
    .init(17, "IQ2_XS", 256, 74), .init(18, "IQ3_XXS", 256, 98), .init(19, "IQ1_S", 256, 50),
    .init(20, "IQ4_NL", 32, 18), .init(21, "IQ3_S", 256, 110), .init(22, "IQ2_S", 256, 82),
    .init(23, "IQ4_XS", 256, 136), .init(24, "I8", 1, 1), .init(25, "I16", 1, 2),
    .init(26, "I32", 1, 4), .init(27, "I64", 1, 8), .init(28, "F64", 1, 8),
    .init(29, "IQ1_M", 256, 56), .init(30, "BF16", 1, 2), .init(34, "TQ1_0", 256, 54),
    .init(35, "TQ2_0", 256, 66), .init(39, "MXFP4", 32, 17), .init(40, "NVFP4", 64, 36),
    .init(41, "Q1_0", 128, 18),
  ]

  private static let byID = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) })
}
