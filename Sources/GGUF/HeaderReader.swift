// From bytes to a checked header.
import Storage

enum HeaderReader {
  static func read(_ path: String) throws(GGUFReadError) -> GGUFFile {
    var bytes: HeaderBytes
    do { bytes = try HeaderBytes(path) } catch { throw .storage(error) }
    let version = try start(&bytes)
    let tensorCount = try bytes.unsigned(8, of: "the number of tensors")
    let fieldCount = try bytes.unsigned(8, of: "the number of keys")
    // 8 + 4 + 1 bytes for the shortest key, 8 + 4 + 4 + 8 for the shortest tensor.
    guard fieldCount <= bytes.restByteCount / 13 else {
      throw .fault(.count(of: "keys", found: fieldCount, rest: bytes.restByteCount))
    }
    guard tensorCount <= bytes.restByteCount / 24 else {
      throw .fault(.count(of: "tensors", found: tensorCount, rest: bytes.restByteCount))
    }
    var fields: [GGUFField] = []
    var keys: Set<String> = []
    for _ in 0..<fieldCount {
      let field = try readField(&bytes)
      guard keys.insert(field.key).inserted else { throw .fault(.repeatedKey(field.key)) }
      fields.append(field)
    }
    let alignment = try alignment(fields)
    var tensors = TensorTable(alignment: alignment)
    for _ in 0..<tensorCount { try tensors.append(&bytes) }
    let headerByteCount = Int64(bytes.offset)
    let dataOffset = headerByteCount.aligned(to: alignment)
    let end = dataOffset.addingReportingOverflow(tensors.end)
    guard tensors.tensors.isEmpty || !end.overflow && end.partialValue <= bytes.fileByteCount
    else {
      throw .fault(
        .truncated(expected: end.overflow ? .max : end.partialValue, found: bytes.fileByteCount))
    }
    return GGUFFile(
      path: path, fileByteCount: bytes.fileByteCount, modified: bytes.modified, version: version,
      fields: fields, tensors: tensors.tensors, alignment: alignment, dataOffset: dataOffset,
      digest: Digest.xxh3(Array(bytes.bytes.prefix(Int(headerByteCount)))))
  }

  /// The magic and the version.
  private static func start(_ bytes: inout HeaderBytes) throws(GGUFReadError) -> UInt32 {
    guard bytes.fileByteCount >= 8 else {
      throw .fault(.short(fileByteCount: bytes.fileByteCount))
    }
    let magic = try bytes.take(4, of: "the magic")
    let found = Array(bytes.bytes[magic])
    if found.elementsEqual("vers".utf8) { throw .fault(.gitPointer) }
    guard found.elementsEqual("GGUF".utf8) else {
      let isOld = ["lmgg", "tjgg", "fmgg", "algg"].contains { found.elementsEqual($0.utf8) }
      throw .fault(isOld ? .oldContainer : .foreign)
    }
    let version = UInt32(try bytes.unsigned(4, of: "the version"))
    guard version & 0xFFFF != 0 else { throw .fault(.bigEndian) }
    guard version == 2 || version == 3 else { throw .fault(.version(version)) }
    return version
  }

  private static func readField(_ bytes: inout HeaderBytes) throws(GGUFReadError) -> GGUFField {
    let first = bytes.offset
    let key = try bytes.name(of: "a key")
    let type = try readType(of: key, &bytes)
    let start = bytes.offset
    if type == .array {
      let element = try readType(of: key, &bytes)
      guard element != .array else { throw .fault(.nestedList(key: key)) }
      try skipElements(element, of: key, &bytes)
    } else {
      try skip(type, of: key, &bytes)
    }
    return GGUFField(
      key: key, type: type, bytes: Array(bytes.bytes[start..<bytes.offset]),
      byteRange: Int64(first)..<Int64(bytes.offset))
  }

  private static func readType(
    of key: String, _ bytes: inout HeaderBytes
  ) throws(GGUFReadError) -> GGUFValueType {
    let number = UInt32(try bytes.unsigned(4, of: "the type of a value"))
    guard let type = GGUFValueType(rawValue: number) else {
      throw .fault(.valueType(key: key, found: number))
    }
    return type
  }

  private static func skip(
    _ type: GGUFValueType, of key: String, _ bytes: inout HeaderBytes
  ) throws(GGUFReadError) {
    var count = UInt64(type.byteCount ?? 0)
    if type == .string { count = try bytes.unsigned(8, of: "a text's length") }
    _ = try bytes.take(count, of: "the value of \(GGUFFault.quote(key))")
  }

  private static func skipElements(
    _ type: GGUFValueType, of key: String, _ bytes: inout HeaderBytes
  ) throws(GGUFReadError) {
    let count = try bytes.unsigned(8, of: "a list's length")
    guard count <= bytes.restByteCount / UInt64(type.byteCount ?? 8) else {
      throw .fault(.listCount(key: key, found: count, rest: bytes.restByteCount))
    }
    guard let size = type.byteCount else {
      for _ in 0..<count { try skip(type, of: key, &bytes) }
      return
    }
    _ = try bytes.take(count * UInt64(size), of: "the value of \(GGUFFault.quote(key))")
  }

  private static func alignment(_ fields: [GGUFField]) throws(GGUFReadError) -> Int64 {
    guard let field = fields.first(where: { $0.key == "general.alignment" }) else { return 32 }
    guard field.type == .uint32, case .unsigned(let number) = field.value, number > 0,
      number & (number - 1) == 0
    else { throw .fault(.alignment(field.value)) }
    return Int64(number)
  }
}
