// Files of llama.cpp's container, written byte by byte, right or wrong.

/// A file whose parts can be set at will.
package struct SampleGGUF {
  package var magic = Array("GGUF".utf8)
  package var version: UInt64 = 3
  /// What the header claims; nil for the truth.
  package var tensorCount: UInt64?
  package var fieldCount: UInt64?
  /// Key, type and value, as `field` and `list` make them.
  package var fields: [[UInt8]] = [Self.field("general.architecture", 8, Self.text("llama"))]
  /// Name, dimensions and the rest, as `tensor` makes them.
  package var tensors: [[UInt8]] = []
  package var alignment = 32
  package var data: [UInt8] = []

  package init() {}

  package var header: [UInt8] {
    magic + Self.number(version, 4) + Self.number(tensorCount ?? UInt64(tensors.count), 8)
      + Self.number(fieldCount ?? UInt64(fields.count), 8) + fields.flatMap { $0 }
      + tensors.flatMap { $0 }
  }

  package var bytes: [UInt8] {
    let header = header
    let padding = (alignment - header.count % alignment) % alignment
    return header + [UInt8](repeating: 0, count: padding) + data
  }

  /// Little-endian.
  package static func number(_ value: UInt64, _ byteCount: Int) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }

  package static func text(_ text: String) -> [UInt8] {
    number(UInt64(text.utf8.count), 8) + Array(text.utf8)
  }

  package static func field(_ key: String, _ type: UInt64, _ value: [UInt8]) -> [UInt8] {
    text(key) + number(type, 4) + value
  }

  package static func list(_ type: UInt64, count: UInt64, _ values: [UInt8]) -> [UInt8] {
    number(type, 4) + number(count, 8) + values
  }

  /// Dimensions in the file's order: columns first.
  package static func tensor(
    _ name: String, _ dimensions: [UInt64], type: UInt64 = 0, offset: UInt64 = 0
  ) -> [UInt8] {
    text(name) + number(UInt64(dimensions.count), 4)
      + dimensions.flatMap { number($0, 8) } + number(type, 4) + number(offset, 8)
  }

  /// Two tensors, one of blocks, and some metadata.
  package static var sample: SampleGGUF {
    var sample = SampleGGUF()
    sample.fields += [
      field("a.list", 9, list(8, count: 2, text("x") + text(""))),
      field("a.numbers", 9, list(5, count: 3, [UInt8](0..<12))),
      field("a.wide", 12, number(0x3FF0_0000_0000_0000, 8)),
      field("split.no", 2, [0, 0]),
    ]
    sample.tensors = [
      tensor("a", [3, 2]), tensor("blk.0.b.weight", [64, 2], type: 2, offset: 32),
    ]
    sample.data = [UInt8](repeating: 1, count: 32 + 72)
    return sample
  }
}

/// Files that gguf-py wrote.
package enum GGUFFixture {
  package static let folder =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    .joined(separator: "/") + "/Fixtures/gguf"
}
