// Torch's format before the zip, put together by hand.
import Safetensors
import Storage
import TestSupport
import Testing
import TorchFiles

struct OldFormatTests {
  let scratch = Scratch()

  private static let magic: [UInt8] =
    [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
  private static let data = [UInt8](0..<64)

  private func file(
    version: Int = 1001, littleEndian: UInt8 = 0x88, tensor: [UInt8] = SamplePickle.tensor(),
    keys: [UInt8] = [0x5D, 0x28] + SamplePickle.text("0") + [0x65], count: UInt64 = 16
  ) -> [UInt8] {
    Self.magic + SamplePickle.program(SamplePickle.number(version))
      + SamplePickle.program(SamplePickle.dict([("little_endian", [littleEndian])]))
      + SamplePickle.program(SamplePickle.dict([("w", tensor)])) + SamplePickle.program(keys)
      + SampleZip.word(count, 8) + Self.data
  }

  private func refusal(_ bytes: [UInt8]) throws -> String {
    try TorchFilesTests.refusal(of: bytes, in: scratch)
  }

  @Test func `a file of pickles and bytes is read`() throws {
    let header = try TorchFile.read(try scratch.write("weights.pth", file()))
    #expect(try TorchFixture.bytes(of: header.tensors[0], in: header) == Array(Self.data[..<24]))
  }

  @Test func `a pickle longer than the first reading is read on`() throws {
    // A million bytes of names in front of the tensor.
    let filler = (0..<300).map { ("\($0)" + String(repeating: "x", count: 4000), [UInt8(0x4E)]) }
    let path = try scratch.write(
      "weights.pth",
      Self.magic + SamplePickle.program(SamplePickle.number(1001))
        + SamplePickle.program(SamplePickle.dict([]))
        + SamplePickle.program(
          SamplePickle.dict([
            ("other", SamplePickle.dict(filler)),
            ("model", SamplePickle.dict([("w", SamplePickle.tensor())])),
          ]))
        + SamplePickle.program([0x5D] + SamplePickle.text("0") + [0x61]) + SampleZip.word(16, 8)
        + Self.data)
    let header = try TorchFile.read(path)
    #expect(try TorchFixture.bytes(of: header.tensors[0], in: header) == Array(Self.data[..<24]))
  }

  @Test func `parts that are not those of the format are refused by name`() throws {
    func sentence(_ part: String) -> String {
      "its \(part) is not that of torch's old format" + Advice.load
    }
    #expect(try refusal(file(version: 1002)) == sentence("version"))
    #expect(try refusal(file(keys: [0x7D])) == sentence("list of storages"))
    #expect(
      try refusal(file(keys: [0x5D] + SamplePickle.text("9") + [0x61]))
        == sentence("list of storages"))
    let twice = [0x5D, 0x28] + SamplePickle.text("0") + SamplePickle.text("0") + [0x65]
    #expect(try refusal(file(keys: twice)) == sentence("list of storages"))
    let noDict = Self.magic + SamplePickle.program(SamplePickle.number(1001))
    #expect(try refusal(noDict + SamplePickle.program([0x5D])) == sentence("system"))
  }

  @Test func `numbers in the other order of bytes are refused`() throws {
    #expect(
      try refusal(file(littleEndian: 0x89)) == "its numbers are big-endian" + Advice.load)
  }

  @Test func `a storage that ends behind the file is refused`() throws {
    let sentence = "its storage \"0\" ends behind the file" + Advice.fetch
    for count: UInt64 in [17, 1 << 62, .max] {
      #expect(try refusal(file(count: count)) == sentence)
    }
    #expect(try refusal(Array(file().dropLast(66))) == sentence)
  }

  @Test func `a storage of another length than its tensors say, or none, is refused`() throws {
    #expect(
      try refusal(file(count: 15))
        == "the storage \"0\" of tensor \"w\" takes 64 bytes, 60 found" + Advice.fetch)
    #expect(
      try refusal(file(keys: [0x5D]))
        == "the storage \"0\" of tensor \"w\" is missing" + Advice.fetch)
  }

  @Test func `a storage that is a view of another one is refused`() throws {
    let view = SamplePickle.tuple(
      SamplePickle.text("1"), SamplePickle.number(0), SamplePickle.number(16))
    #expect(
      try refusal(file(tensor: SamplePickle.tensor(SamplePickle.storage(view: view))))
        == "storage \"0\" is a view of another one" + Advice.load)
    let none = file(tensor: SamplePickle.tensor(SamplePickle.storage(view: [0x4E])))
    #expect(try refusal(none) == "taken")
  }
}
