// One key of a file's metadata, with the bytes that its value has there. Values are made of them
// when they are asked for: a vocabulary is a list of some hundred thousand texts.

/// What a value of the metadata is, with the format's own number.
package enum GGUFValueType: UInt32, Equatable, Sendable, CaseIterable {
  case uint8 = 0
  case int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

  /// Bytes of a value; nil for those whose length stands before them.
  var byteCount: Int? {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: nil
    }
  }

  /// As the format's description calls it.
  package var name: String { "\(self)" }
}

/// A value of the metadata.
package enum GGUFValue: Equatable, Sendable {
  case unsigned(UInt64)
  case signed(Int64)
  case float(Double)
  case bool(Bool)
  /// Bytes that are no UTF-8 are replaced; `GGUFField.bytes` has them.
  case string(String)
  case array(of: GGUFValueType, count: Int)

  /// The text, nil where it is none.
  package var text: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// A whole number that Int holds, nil where it is none.
  package var int: Int? {
    switch self {
    case .unsigned(let number): Int(exactly: number)
    case .signed(let number): Int(exactly: number)
    default: nil
    }
  }
}

/// A key and its value.
package struct GGUFField: Equatable, Sendable {
  package let key: String
  package let type: GGUFValueType
  /// The value as it stands in the file, behind its type.
  package let bytes: [UInt8]
  /// Where key, type and value lie in the file.
  package let byteRange: Range<Int64>

  package init(key: String, type: GGUFValueType, bytes: [UInt8], byteRange: Range<Int64>) {
    self.key = key
    self.type = type
    self.bytes = bytes
    self.byteRange = byteRange
  }

  package var value: GGUFValue {
    var cursor = ByteCursor(bytes[...])
    guard type == .array else { return cursor.value(type) }
    let element = GGUFValueType(rawValue: UInt32(cursor.unsigned(4))) ?? .uint8
    return .array(of: element, count: Int(cursor.unsigned(8)))
  }

  /// Values of a list, at most so many; none where this is no list.
  package func elements(_ most: Int = .max) -> [GGUFValue] {
    guard case .array(let element, let count) = value else { return [] }
    var cursor = ByteCursor(bytes.dropFirst(12))
    return (0..<min(count, most)).map { _ in cursor.value(element) }
  }
}

/// Walks bytes that the reader has checked already.
private struct ByteCursor {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  mutating func unsigned(_ count: Int) -> UInt64 {
    let bytes = rest.prefix(count)
    rest = rest.dropFirst(count)
    return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func value(_ type: GGUFValueType) -> GGUFValue {
    switch type {
    case .uint8, .uint16, .uint32, .uint64: return .unsigned(unsigned(type.byteCount ?? 0))
    case .int8: return .signed(Int64(Int8(truncatingIfNeeded: unsigned(1))))
    case .int16: return .signed(Int64(Int16(truncatingIfNeeded: unsigned(2))))
    case .int32: return .signed(Int64(Int32(truncatingIfNeeded: unsigned(4))))
    case .int64: return .signed(Int64(bitPattern: unsigned(8)))
    case .float32: return .float(Double(Float(bitPattern: UInt32(unsigned(4)))))
    case .float64: return .float(Double(bitPattern: unsigned(8)))
    case .bool: return .bool(unsigned(1) != 0)
    case .string, .array:
      let count = Int(unsigned(8))
      let bytes = rest.prefix(count)
      rest = rest.dropFirst(count)
      return .string(String(decoding: bytes, as: UTF8.self))
    }
  }
}
