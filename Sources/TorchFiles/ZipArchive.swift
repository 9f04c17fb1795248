// The directory of a zip, which lies at its end (APPNOTE.TXT of PKWARE, 4.3 and 4.5):
//
//   PK\3\4 … name, extra     a member's own header, its bytes behind it; torch pads the extra field
//                            so that they begin at a multiple of 64
//   PK\1\2 … name, extra     the directory: one entry for each member
//   PK\6\6 … PK\6\7          where the directory lies, in 64 bits, if 32 are too few
//   PK\5\6 …                 where it lies, and how many entries it has
//
// Nothing is unpacked: torch stores its members as they are, and so they are read in place.
import Storage

/// A zip whose members are stored plainly.
struct ZipArchive {
  /// A member as the directory has it.
  struct Member {
    var name: String
    var byteCount: Int64
    /// Of its own header.
    var headerOffset: Int64
    var isCompressed: Bool
    var isEncrypted: Bool
  }

  /// A directory of more bytes than this is none of torch's: a tensor takes about a hundred.
  static let directoryByteCountMax: Int64 = 1 << 28

  private(set) var members: [String: Member] = [:]
  /// Where the directory lies, which no member may reach.
  private(set) var directory: Range<Int64>
  /// XXH3-128 takes these bytes for the file's identity.
  let directoryBytes: [UInt8]

  init(_ file: borrowing File, byteCount: Int64) throws(TorchReadError) {
    let (range, count) = try Self.find(file, byteCount)
    let bytes = try reading { () throws(StorageError) in
      try file.read(count: Int(range.upperBound - range.lowerBound), at: range.lowerBound)
    }
    directory = range
    directoryBytes = bytes
    let source = LittleEndian(bytes)
    var position = 0
    for index in 0..<count {
      guard let (member, end) = Self.entry(source, at: position) else {
        throw .fault(.badEntry(index))
      }
      guard members.updateValue(member, forKey: member.name) == nil else {
        throw .fault(.repeatedMember(member.name))
      }
      position = end
    }
  }

  /// Where a member's bytes lie, by its own header.
  func range(
    of member: Member, in file: borrowing File
  ) throws(TorchReadError) -> Range<Int64> {
    if member.isEncrypted { throw .fault(.encrypted(member.name)) }
    if member.isCompressed { throw .fault(.compressed(member.name)) }
    let headerEnd = member.headerOffset.addingReportingOverflow(30)
    guard member.headerOffset >= 0, !headerEnd.overflow,
      headerEnd.partialValue <= directory.lowerBound
    else { throw .fault(.badMember(member.name)) }
    let header = LittleEndian(
      try reading { () throws(StorageError) in try file.read(count: 30, at: member.headerOffset) })
    guard header.word(0, 4) == 0x0403_4B50, header.word(8, 2) == 0,
      Int(header.word(26, 2)) == member.name.utf8.count
    else { throw .fault(.badMember(member.name)) }
    let start = headerEnd.partialValue + Int64(header.word(26, 2) + header.word(28, 2))
    let end = start.addingReportingOverflow(member.byteCount)
    guard !end.overflow, end.partialValue <= directory.lowerBound else {
      throw .fault(
        .memberBeyondFile(
          member.name, expected: end.overflow ? .max : end.partialValue,
          found: directory.lowerBound))
    }
    return start..<end.partialValue
  }

  // MARK: Directory

  /// Where the directory lies and how many entries it has.
  private static func find(
    _ file: borrowing File, _ byteCount: Int64
  ) throws(TorchReadError) -> (Range<Int64>, Int) {
    let tailStart = max(0, byteCount - 65_557)
    let tail = LittleEndian(
      try reading { () throws(StorageError) in
        try file.read(count: Int(byteCount - tailStart), at: tailStart)
      })
    guard
      let place = stride(from: tail.count - 22, through: 0, by: -1).first(where: {
        tail.word($0, 4) == 0x0605_4B50 && $0 + 22 + Int(tail.word($0 + 20, 2)) == tail.count
      })
    else { throw .fault(.noDirectory) }
    var count = tail.word(place + 10, 2)
    var size = tail.word(place + 12, 4)
    var start = tail.word(place + 16, 4)
    var limit = tailStart + Int64(place)
    if count == 0xFFFF || size == 0xFFFF_FFFF || start == 0xFFFF_FFFF {
      let wide = try findWide(file, before: limit)
      (count, size, start) = (
        wide.record.word(32, 8), wide.record.word(40, 8), wide.record.word(48, 8)
      )
      limit = wide.offset
    }
    let (end, isFar) = start.addingReportingOverflow(size)
    guard !isFar, end <= UInt64(limit), size <= UInt64(directoryByteCountMax), count <= size / 46
    else {
      throw .fault(
        .directoryBeyondFile(expected: isFar ? .max : Int64(clamping: end), found: limit))
    }
    return (Int64(start)..<Int64(end), Int(count))
  }

  /// The record of 64 bits that a locator in front of the end record names.
  private static func findWide(
    _ file: borrowing File, before limit: Int64
  ) throws(TorchReadError) -> (record: LittleEndian, offset: Int64) {
    guard limit >= 20 + 56 else { throw .fault(.noDirectory) }
    let locator = LittleEndian(
      try reading { () throws(StorageError) in try file.read(count: 20, at: limit - 20) })
    let offset = locator.word(8, 8)
    guard locator.word(0, 4) == 0x0706_4B50, offset <= UInt64(limit - 20 - 56) else {
      throw .fault(.noDirectory)
    }
    let record = LittleEndian(
      try reading { () throws(StorageError) in try file.read(count: 56, at: Int64(offset)) })
    guard record.word(0, 4) == 0x0606_4B50 else { throw .fault(.noDirectory) }
    return (record, Int64(offset))
  }

  /// The entry at a position, and where the next one begins.
  private static func entry(_ source: LittleEndian, at start: Int) -> (Member, end: Int)? {
    guard source.count - start >= 46, source.word(start, 4) == 0x0201_4B50 else { return nil }
    let nameEnd = start + 46 + Int(source.word(start + 28, 2))
    let extraEnd = nameEnd + Int(source.word(start + 30, 2))
    let end = extraEnd + Int(source.word(start + 32, 2))
    guard end <= source.count,
      let name = String(validating: source.bytes[(start + 46)..<nameEnd], as: UTF8.self)
    else { return nil }
    var fields = [
      source.word(start + 24, 4), source.word(start + 20, 4), source.word(start + 42, 4),
    ]
    guard widen(&fields, source, nameEnd..<extraEnd), fields.allSatisfy({ $0 <= Int64.max }) else {
      return nil
    }
    let method = source.word(start + 10, 2)
    return (
      Member(
        name: name, byteCount: Int64(fields[0]), headerOffset: Int64(fields[2]),
        isCompressed: method != 0 || fields[0] != fields[1],
        isEncrypted: source.word(start + 8, 2) & 0x41 != 0), end
    )
  }

  /// Replaces the fields that 32 bits are too few for by those of the extra field of 64 bits.
  private static func widen(
    _ fields: inout [UInt64], _ source: LittleEndian, _ extra: Range<Int>
  ) -> Bool {
    guard fields.contains(0xFFFF_FFFF) else { return true }
    var position = extra.lowerBound
    while position + 4 <= extra.upperBound {
      let end = position + 4 + Int(source.word(position + 2, 2))
      guard end <= extra.upperBound else { return false }
      if source.word(position, 2) == 1 {
        position += 4
        for index in fields.indices where fields[index] == 0xFFFF_FFFF {
          guard position + 8 <= end else { return false }
          fields[index] = source.word(position, 8)
          position += 8
        }
        return true
      }
      position = end
    }
    return false
  }
}

/// Bytes as little-endian words.
struct LittleEndian {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var count: Int { bytes.count }

  /// The word of `count` bytes at an offset, which must be there.
  func word(_ offset: Int, _ count: Int) -> UInt64 {
    var word: UInt64 = 0
    for index in stride(from: count - 1, through: 0, by: -1) {
      word = word << 8 | UInt64(bytes[offset + index])
    }
    return word
  }
}
