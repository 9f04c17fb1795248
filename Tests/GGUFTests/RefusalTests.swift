import GGUF
import Storage
import TestSupport
import Testing

struct RefusalTests {
  let scratch = Scratch()

  private static let fetch = "; the file is cut short, fetch it again"
  private static let anew = "; fetch the file again, or write it anew with gguf-py"
  private static let convert =
    "; convert the model anew with llama.cpp's convert_hf_to_gguf.py"

  private func refusal(_ bytes: [UInt8]) throws -> String {
    let path = try scratch.write("a.gguf", bytes)
    do throws(GGUFError) {
      _ = try GGUFFile.read(path)
      return "taken"
    } catch {
      return error.sentence.replacing("\(path) cannot be read as GGUF: ", with: "")
    }
  }

  private func refusal(_ change: (inout SampleGGUF) -> Void) throws -> String {
    var sample = SampleGGUF.sample
    change(&sample)
    return try refusal(sample.bytes)
  }

  @Test func `files that are none are told from each other`() throws {
    #expect(try refusal([1, 2]) == "a header expected, a file of 2 bytes found" + Self.fetch)
    #expect(
      try refusal(Array("version https://git-lfs".utf8))
        == "it is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`")
    #expect(
      try refusal(Array("PK\u{3}\u{4}....".utf8))
        == "it does not begin with GGUF; give a .gguf file")
    #expect(
      try refusal(Array("tjgg\u{1}...".utf8))
        == "it is one of llama.cpp's containers before GGUF" + Self.convert)
    #expect(
      try refusal(WholeFile.read(GGUFFixture.folder + "/big-endian.gguf"))
        == "its numbers are big-endian; turn it with gguf-py's gguf-convert-endian")
    #expect(
      try refusal { $0.version = 1 } == "version 2 or 3 expected, 1 found" + Self.convert)
    #expect(
      try refusal { $0.version = 4 } == "version 2 or 3 expected, 4 found" + Self.convert)
  }

  @Test func `counts are held against the bytes that are there`() throws {
    let size = SampleGGUF.sample.bytes.count
    #expect(
      try refusal { $0.fieldCount = 1 << 60 }
        == "it claims 1152921504606846976 keys, more than the \(size - 24) bytes behind can hold"
        + Self.anew)
    #expect(
      try refusal { $0.tensorCount = .max }
        == "it claims 18446744073709551615 tensors, more than the \(size - 24) bytes behind can "
        + "hold" + Self.anew)
    var sample = SampleGGUF()
    sample.fields = [SampleGGUF.field("k", 9, SampleGGUF.list(4, count: 1 << 62, []))]
    #expect(
      try refusal(sample.header)
        == "\"k\" claims a list of 4611686018427387904, more than the 0 bytes behind can hold"
        + Self.anew)
    sample.fields = [SampleGGUF.field("k", 8, SampleGGUF.number(.max, 8))]
    #expect(
      try refusal(sample.header)
        == "the value of \"k\" at byte 45 takes 18446744073709551615 bytes, the file has 0 left"
        + Self.fetch)
    sample.fields = [SampleGGUF.number(1 << 40, 8) + [0, 0, 0, 0, 0, 0]]
    #expect(
      try refusal(sample.header)
        == "a key of at most 65535 bytes expected, 1099511627776 found" + Self.anew)
  }

  @Test func `metadata that breaks the format is refused`() throws {
    typealias S = SampleGGUF
    #expect(
      try refusal { $0.fields.append($0.fields[0]) }
        == "key \"general.architecture\" stands twice in the header" + Self.anew)
    #expect(
      try refusal { $0.fields[0] = S.field("k", 13, [0]) }
        == "key \"k\" has a value of the unknown type 13" + Self.anew)
    #expect(
      try refusal { $0.fields[0] = S.field("k", 9, S.list(9, count: 0, [])) }
        == "key \"k\" has a list of lists" + Self.anew)
    #expect(
      try refusal { $0.fields[0] = S.number(1, 8) + [0xFF] + S.number(0, 4) + [0] }
        == "a key is not UTF-8" + Self.anew)
    let alignments: [(UInt64, [UInt8], String)] = [
      (4, S.number(0, 4), "0"), (4, S.number(48, 4), "48"), (10, S.number(64, 8), "64"),
      (5, S.number(32, 4), "32"), (8, S.text("x"), "\"x\""), (7, [1], "true"),
      (6, S.number(0x3F80_0000, 4), "1.0"), (9, S.list(0, count: 0, []), "a list of 0 uint8"),
    ]
    for (type, value, found) in alignments {
      #expect(
        try refusal { $0.fields[0] = S.field("general.alignment", type, value) }
          == "general.alignment must be a power of two as uint32, \(found) found" + Self.anew)
    }
  }

  @Test func `tensors that break the format are refused`() throws {
    typealias S = SampleGGUF
    func refusal(_ tensors: [UInt8]...) throws -> String {
      try self.refusal { $0.tensors = tensors }
    }
    let long = String(repeating: "n", count: 64)
    #expect(
      try refusal(S.tensor(long, [1]))
        == "a tensor's name of at most 63 bytes expected, 64 found in \"\(long)\"" + Self.anew)
    #expect(
      try refusal(S.tensor("a", [1]), S.tensor("a", [1], offset: 32))
        == "tensor \"a\" stands twice in the header" + Self.anew)
    #expect(
      try refusal(S.tensor("a", [1, 1, 1, 1, 1]))
        == "tensor \"a\" has 5 dimensions, at most 4 expected" + Self.anew)
    #expect(
      try refusal(S.tensor("a", [0, 1])) == "tensor \"a\" has a dimension of 0" + Self.anew)
    #expect(
      try refusal(S.tensor("a", [1 << 63]))
        == "tensor \"a\" has a dimension of 9223372036854775808" + Self.anew)
    #expect(
      try refusal(S.tensor("a", [32], type: 4))
        == "tensor \"a\" is of the unknown type 4; the types read are those of gguf-py 0.19")
    #expect(
      try refusal(S.tensor("a", [128, 2], type: 12))
        == "tensor \"a\" (Q4_K) has rows of 128, a multiple of 256 expected" + Self.anew)
    #expect(
      try refusal(S.tensor("a", [1 << 40, 1 << 40]))
        == "tensor \"a\" ([1099511627776, 1099511627776]) is too large, its bits would not count in 63"
        + Self.anew)
    #expect(
      try refusal(S.tensor("a", [1 << 56]), S.tensor("b", [1 << 56], offset: 1 << 58))
        == "tensor \"b\" ([72057594037927936]) is too large, its bits would not count in 63"
        + Self.anew)
    #expect(
      try refusal(S.tensor("a", [1]), S.tensor("b", [1], offset: 4))
        == "tensor \"b\" begins at 4, the tensors before it end at 32" + Self.anew)
    #expect(
      try refusal(S.tensor("a", [1], offset: .max))
        == "tensor \"a\" begins at 18446744073709551615, the tensors before it end at 0"
        + Self.anew)
    var sample = S.sample
    sample.data.removeLast()
    let size = sample.bytes.count
    #expect(
      try self.refusal(sample.bytes)
        == "its tensors end at byte \(size + 1), the file at byte \(size)" + Self.fetch)
  }

  @Test func `a header longer than any is refused before it is read`() throws {
    // A sparse file: the text of a key takes more than a gigabyte of it.
    var sample = SampleGGUF()
    sample.fields = [SampleGGUF.field("k", 8, SampleGGUF.number(1 << 30, 8))]
    let path = scratch("long.gguf")
    let file = try File.create(path)
    try file.write(sample.header, at: 0)
    try file.write([0], at: 1 << 31)
    try file.close()
    do throws(GGUFError) {
      _ = try GGUFFile.read(path)
      Issue.record("taken")
    } catch {
      #expect(
        error.sentence
          == "\(path) cannot be read as GGUF: a header of at most 1073741824 bytes expected, a "
          + "longer one found" + Self.anew)
    }
  }
}
