// Zips of plain members as torch writes them, right ones and wrong ones.

/// A zip to be: members in order, each with what its headers say.
package struct SampleZip {
  package struct Member {
    package var name: String
    package var bytes: [UInt8]
    package var method: UInt64 = 0
    package var flags: UInt64 = 0
    /// Said by the directory; the true one where nil.
    package var byteCount: UInt64?
    package var offset: UInt64?

    package init(_ name: String, _ bytes: [UInt8]) {
      self.name = name
      self.bytes = bytes
    }
  }

  package var members: [Member]
  /// Writes sizes and offsets in 64 bits, as for large files.
  package var isWide = false
  package var comment: [UInt8] = []

  package init(_ members: [(String, [UInt8])]) {
    self.members = members.map { Member($0.0, $0.1) }
  }

  /// A file as torch saves it: a pickle and storages of the bytes given, by key.
  package init(
    pickle: [UInt8], _ storages: [(String, [UInt8])] = [("0", [UInt8](0..<64))],
    byteOrder: String = "little"
  ) {
    self.init(
      [("a/data.pkl", pickle), ("a/byteorder", Array(byteOrder.utf8))]
        + storages.map { ("a/data/" + $0.0, $0.1) } + [("a/version", Array("3\n".utf8))])
  }

  /// The zip's bytes.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    var directory: [UInt8] = []
    for member in members {
      let name = Array(member.name.utf8)
      let offset = member.offset ?? UInt64(bytes.count)
      let count = member.byteCount ?? UInt64(member.bytes.count)
      // As torch pads: the member's bytes begin at a multiple of 64.
      let padding = (64 - (bytes.count + 30 + name.count + 4) % 64) % 64
      let filler = [0x46, 0x42] + Self.word(UInt64(padding), 2)
      bytes += [0x50, 0x4B, 3, 4] + Self.word(0, 2) + Self.word(member.flags, 2)
      bytes += Self.word(member.method, 2) + Self.word(0, 16)
      bytes += Self.word(UInt64(name.count), 2) + Self.word(UInt64(padding + 4), 2)
      bytes += name + filler + [UInt8](repeating: 0x5A, count: padding) + member.bytes

      let extra =
        isWide ? Self.word(1, 2) + Self.word(24, 2) + Self.words([count, count, offset]) : []
      directory += [0x50, 0x4B, 1, 2] + Self.word(0, 4) + Self.word(member.flags, 2)
      directory += Self.word(member.method, 2) + Self.word(0, 8)
      directory += Self.word(isWide ? 0xFFFF_FFFF : count, 4)
      directory += Self.word(isWide ? 0xFFFF_FFFF : count, 4)
      directory += Self.word(UInt64(name.count), 2) + Self.word(UInt64(extra.count), 2)
      directory += Self.word(0, 10) + Self.word(isWide ? 0xFFFF_FFFF : offset, 4) + name + extra
    }
    return bytes + directory + ending(start: UInt64(bytes.count), count: UInt64(directory.count))
  }

  private func ending(start: UInt64, count: UInt64) -> [UInt8] {
    let members = UInt64(members.count)
    var bytes: [UInt8] = []
    if isWide {
      bytes += [0x50, 0x4B, 6, 6] + Self.word(44, 8) + Self.word(0, 12)
      bytes += Self.words([members, members, count, start])
      bytes += [0x50, 0x4B, 6, 7] + Self.word(0, 4) + Self.word(start + count, 8) + Self.word(1, 4)
    }
    bytes += [0x50, 0x4B, 5, 6] + Self.word(0, 4)
    bytes += Self.word(isWide ? 0xFFFF : members, 2) + Self.word(isWide ? 0xFFFF : members, 2)
    bytes += Self.word(isWide ? 0xFFFF_FFFF : count, 4)
    bytes += Self.word(isWide ? 0xFFFF_FFFF : start, 4)
    return bytes + Self.word(UInt64(comment.count), 2) + comment
  }

  /// A little-endian word, with zeros where it is longer than 8 bytes.
  package static func word(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) : 0 }
  }

  private static func words(_ values: [UInt64]) -> [UInt8] { values.flatMap { word($0, 8) } }
}
