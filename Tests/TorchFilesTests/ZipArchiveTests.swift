import Safetensors
import Storage
import TestSupport
import Testing
import TorchFiles

struct ZipArchiveTests {
  let scratch = Scratch()

  private static let pickle = SamplePickle.program(
    SamplePickle.dict([("w", SamplePickle.tensor())]))

  private var zip: SampleZip { SampleZip(pickle: Self.pickle) }

  private func refusal(_ zip: SampleZip) throws -> String { try refusal(zip.bytes) }

  private func refusal(_ bytes: [UInt8]) throws -> String {
    try TorchFilesTests.refusal(of: bytes, in: scratch)
  }

  /// The refusal once one member's description is changed.
  private func refusal(
    _ index: Int, _ change: (inout SampleZip.Member) -> Void
  ) throws -> String {
    var zip = zip
    change(&zip.members[index])
    return try refusal(zip)
  }

  @Test(arguments: [false, true], [0, 100])
  func `directories of 32 and of 64 bits are read, with a comment or without`(
    isWide: Bool, comment: Int
  ) throws {
    var zip = zip
    zip.isWide = isWide
    zip.comment = [UInt8](repeating: 0x50, count: comment)
    let header = try TorchFile.read(try scratch.write("weights.pth", zip.bytes))
    #expect(header.tensors.map(\.name) == ["w"])
    #expect(
      try TorchFixture.bytes(of: header.tensors[0], in: header) == [UInt8](0..<24))
  }

  @Test func `a zip whose directory is not found is refused`() throws {
    let bytes = zip.bytes
    let sentence = "it begins as a zip and does not end as one" + Advice.fetch
    #expect(try refusal(Array(bytes.dropLast())) == sentence)
    #expect(try refusal(bytes + [0]) == sentence)
    #expect(try refusal([0x50, 0x4B, 3, 4]) == sentence)
    var wide = zip
    wide.isWide = true
    // Without its locator, without its record, and with a record behind the file's end.
    for (from, change) in [(42, [1]), (98, [1]), (34, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF])] {
      var changed = wide.bytes
      for (place, byte) in change.enumerated() {
        changed[changed.count - from + place] = UInt8(byte)
      }
      #expect(try refusal(changed) == sentence, "\(from)")
    }
  }

  @Test func `a directory outside of the file is refused`() throws {
    var bytes = zip.bytes
    let record = bytes.count - 22
    bytes[record + 12] &+= 1
    let size = Int(bytes[record + 12]) | Int(bytes[record + 13]) << 8
    let start = Int(bytes[record + 16]) | Int(bytes[record + 17]) << 8
    #expect(
      try refusal(bytes)
        == "the zip's directory ends at byte \(start + size), the file holds \(record) before its "
        + "end record" + Advice.fetch)
    bytes = zip.bytes
    bytes[record + 10] = 200
    #expect(try refusal(bytes).hasPrefix("the zip's directory ends at byte \(record), "))
  }

  @Test func `an entry that is not whole is refused`() throws {
    let sentence = "entry 0 of the zip's directory is not whole" + Advice.fetch
    var bytes = zip.bytes
    let record = bytes.count - 22
    let start = Int(bytes[record + 16]) | Int(bytes[record + 17]) << 8
    bytes[start] = 0
    #expect(try refusal(bytes) == sentence)
    bytes = zip.bytes
    bytes[start + 29] = 0xFF  // a name longer than the directory
    #expect(try refusal(bytes) == sentence)
    bytes = zip.bytes
    bytes[start + 46] = 0xFF  // a name that is no text
    #expect(try refusal(bytes) == sentence)
    #expect(try refusal(0) { $0.byteCount = 0xFFFF_FFFF } == sentence)  // the 64 bits are missing
    var wide = zip
    wide.isWide = true
    wide.members[0].byteCount = .max
    #expect(try refusal(wide) == sentence)
  }

  @Test func `a member twice in the directory is refused`() throws {
    var zip = zip
    zip.members.append(zip.members[2])
    #expect(
      try refusal(zip) == "member \"a/data/0\" stands twice in the zip" + Advice.distrust)
  }

  @Test func `compressed and encrypted members are refused by name`() throws {
    let compressed = "member \"a/data.pkl\" is compressed, and torch stores plainly" + Advice.load
    #expect(try refusal(0) { $0.method = 8 } == compressed)
    #expect(
      try refusal(2) { $0.method = 8 }
        == "member \"a/data/0\" is compressed, and torch stores plainly" + Advice.load)
    #expect(
      try refusal(2) { $0.flags = 1 } == "member \"a/data/0\" is encrypted" + Advice.load)
  }

  @Test func `a member that is not where the directory says is refused`() throws {
    let sentence = "member \"a/data/0\" is not where the directory says" + Advice.fetch
    for offset: UInt64 in [0, 1, 500_000, 0xFFFF_FFFE] {
      #expect(try refusal(2) { $0.offset = offset } == sentence, "\(offset)")
    }
    var wide = zip
    wide.isWide = true
    wide.members[2].offset = UInt64(Int64.max)
    #expect(try refusal(wide) == sentence)
  }

  @Test func `a member that reaches into the directory is refused`() throws {
    let start = zip.bytes.count - 22 - zip.members.reduce(0) { $0 + 46 + $1.name.utf8.count }
    let place = try #require(zip.bytes.firstRange(of: [UInt8](0..<64))).lowerBound
    #expect(
      try refusal(2) { $0.byteCount = 9999 }
        == "member \"a/data/0\" ends at byte \(place + 9999), the zip's directory begins at \(start)"
        + Advice.fetch)
    var wide = zip
    wide.isWide = true
    wide.members[2].byteCount = UInt64(Int64.max)
    #expect(try refusal(wide).hasPrefix("member \"a/data/0\" ends at byte 9223372036854775807, "))
  }

  @Test func `a zip without a pickle, with two, or of a program is refused`() throws {
    #expect(
      try refusal(SampleZip([("a/x", [1]), ("data.pkl", [1]), ("a/b/data.pkl", [1])]))
        == "the zip holds no data.pkl" + Advice.load)
    #expect(
      try refusal(SampleZip([("a/data.pkl", [1]), ("b/data.pkl", [1])]))
        == "the zip holds several data.pkl" + Advice.load)
    #expect(
      try refusal(SampleZip([("a/data.pkl", Self.pickle), ("a/constants.pkl", [1])]))
        == "it is a TorchScript program (constants.pkl), not weights alone" + Advice.load)
  }

  @Test func `numbers in the other order of bytes are refused`() throws {
    #expect(
      try refusal(SampleZip(pickle: Self.pickle, byteOrder: "big"))
        == "its numbers are big-endian" + Advice.load)
  }

  @Test func `a pickle longer than any checkpoint's is refused`() throws {
    // Sparse: the bytes are never read.
    var zip = zip
    zip.isWide = true
    let bytes = zip.bytes
    let cut = try #require(bytes.firstRange(of: [0x50, 0x4B, 1, 2])).lowerBound
    let gap: UInt64 = 1 << 27
    var tail = Array(bytes[cut...])
    let extra = 46 + "a/data.pkl".utf8.count + 4
    for field in 0..<2 {
      tail.replaceSubrange(
        (extra + field * 8)..<(extra + field * 8 + 8), with: SampleZip.word(gap + 1, 8))
    }
    let directory = UInt64(cut) + gap
    let record = tail.count - 22 - 20 - 56
    tail.replaceSubrange((record + 48)..<(record + 56), with: SampleZip.word(directory, 8))
    let locator = tail.count - 22 - 20
    tail.replaceSubrange(
      (locator + 8)..<(locator + 16), with: SampleZip.word(directory + UInt64(record), 8))
    let path = scratch("long.pth")
    let file = try File.create(path)
    try file.write(Array(bytes[..<cut]), at: 0)
    try file.write(tail, at: Int64(directory))
    try file.close()
    #expect(
      TorchFilesTests.refusal(of: path)
        == "a pickle of at most 134217728 bytes expected, 134217729 found" + Advice.load)
  }

  // MARK: What is no zip

  @Test func `a file of another kind is refused as what it is`() throws {
    #expect(try refusal([]) == "the file is empty" + Advice.fetch)
    #expect(
      try refusal(Array("version https://git-lfs.github.com/spec/v1\noid sha256:1\n".utf8))
        == "it is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`")
    #expect(
      try refusal([UInt8](repeating: 0, count: 257) + Array("ustar\0".utf8))
        == "it is a tar, as torch wrote before version 0.1.10" + Advice.load)
    #expect(
      try refusal(Self.pickle)
        == "it is neither a zip nor a pickle that torch wrote; "
        + "give a file that torch.save wrote, or safetensors")
  }
}
