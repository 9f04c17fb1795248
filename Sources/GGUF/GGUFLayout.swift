// The parts of a header that we write, as `GGUFFile` describes them: what stands before the keys,
// one key, and what describes one tensor.

package enum GGUFLayout {
  /// Magic, version and counts: all that stands before the first key.
  package static func front(version: UInt32, tensorCount: Int, fieldCount: Int) -> [UInt8] {
    Array("GGUF".utf8) + little(version) + little(UInt64(tensorCount)) + little(UInt64(fieldCount))
  }

  /// A key with a whole number of a type that has a fixed size.
  package static func field(_ key: String, _ type: GGUFValueType, _ number: Int) -> [UInt8] {
    let value = little(UInt64(truncatingIfNeeded: Int64(number)))
    return text(key) + little(type.rawValue) + value.prefix(type.byteCount ?? 0)
  }

  /// A key as a file has it.
  package static func field(_ field: GGUFField) -> [UInt8] {
    text(field.key) + little(field.type.rawValue) + field.bytes
  }

  /// What describes a tensor; the offset counts from the start of the tensors' bytes.
  package static func tensor(
    _ name: String, _ type: GGMLType, _ shape: [Int], offset: Int64
  ) -> [UInt8] {
    text(name) + little(UInt32(shape.count)) + shape.reversed().flatMap { little(UInt64($0)) }
      + little(type.id) + little(UInt64(offset))
  }

  private static func text(_ text: String) -> [UInt8] {
    little(UInt64(text.utf8.count)) + text.utf8
  }

  private static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }
}
