// A header's bytes, read as they are needed: nothing in a file says how long its header is. Memory
// grows with what is really there, never with what a count claims.
import Storage

enum GGUFReadError: Error {
  case storage(StorageError)
  case fault(GGUFFault)
}

struct HeaderBytes: ~Copyable {
  private let file: File
  let fileByteCount: Int64
  let modified: Int64
  private(set) var bytes: [UInt8] = []
  private(set) var offset = 0

  init(_ path: String) throws(StorageError) {
    let file = try File.open(path)
    let status = try file.status()
    fileByteCount = status.byteCount
    modified = status.modified
    self.file = file
  }

  /// Bytes of the file that no value has taken yet.
  var restByteCount: UInt64 { UInt64(fileByteCount) - UInt64(offset) }

  /// Passes over bytes and gives where they lie in `bytes`.
  mutating func take(_ count: UInt64, of part: String) throws(GGUFReadError) -> Range<Int> {
    guard count <= restByteCount else {
      throw .fault(
        .beyondFile(part: part, at: Int64(offset), expected: count, found: restByteCount))
    }
    let end = offset + Int(count)
    guard end <= GGUFFile.headerByteCountMax else { throw .fault(.headerTooLong) }
    while bytes.count < end {
      let step = min(Int64(Self.stepByteCount), fileByteCount - Int64(bytes.count))
      do throws(StorageError) {
        bytes += try file.read(count: Int(step), at: Int64(bytes.count))
      } catch { throw .storage(error) }
    }
    defer { offset = end }
    return offset..<end
  }

  mutating func unsigned(_ count: Int, of part: String) throws(GGUFReadError) -> UInt64 {
    let range = try take(UInt64(count), of: part)
    return bytes[range].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// A name: its length, and that many bytes of UTF-8.
  mutating func name(of part: String) throws(GGUFReadError) -> String {
    let count = try unsigned(8, of: part)
    guard count <= Self.nameByteCountMax else {
      throw .fault(.longName(part: part, byteCount: count))
    }
    let range = try take(count, of: part)
    guard let name = String(validating: bytes[range], as: UTF8.self) else {
      throw .fault(.badName(part: part))
    }
    return name
  }

  private static let stepByteCount = 1 << 18
  /// What the format's description allows for keys.
  private static let nameByteCountMax: UInt64 = 65_535
}
