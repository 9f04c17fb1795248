// Files that break the format, one by one, with the exact sentence that a person reads.
import Safetensors
import Storage
import TestSupport
import Testing

struct HeaderRefusalTests {
  let scratch = Scratch()

  /// The part of the sentence behind `PATH cannot be read as safetensors: `.
  private func refusal(_ bytes: [UInt8]) throws -> String {
    let path = try scratch.write("a.safetensors", bytes)
    let error = #expect(throws: SafetensorsError.self) { _ = try ShardHeader.read(path) }
    let start = "\(path) cannot be read as safetensors: "
    let sentence = try #require(error?.sentence)
    try #require(sentence.hasPrefix(start))
    return String(sentence.dropFirst(start.count))
  }

  private func refusal(_ header: String, dataByteCount: Int = 0) throws -> String {
    try refusal(SampleFile.raw(header, dataByteCount: dataByteCount))
  }

  /// The refusal of one tensor described so, without the advice that most have in common.
  private func refusal(tensor: String, dataByteCount: Int = 8) throws -> String {
    let text = try refusal("{\"a\":\(tensor)}", dataByteCount: dataByteCount)
    try #require(text.hasSuffix(Self.usualAdvice))
    return String(text.dropLast(Self.usualAdvice.count))
  }

  private static let usualAdvice =
    "; fetch the file again, or write it anew with the safetensors library"

  // MARK: The file

  @Test func `a file that is not there is refused`() {
    let path = scratch("none.safetensors")
    let error = #expect(throws: SafetensorsError.self) { _ = try ShardHeader.read(path) }
    #expect(error?.sentence == "cannot open \(path): No such file or directory")
  }

  @Test func `a folder is refused`() {
    let error = #expect(throws: SafetensorsError.self) { _ = try ShardHeader.read(scratch.path) }
    #expect(error?.sentence == "\(scratch.path) is not a plain file")
  }

  @Test func `an empty file is refused`() throws {
    #expect(
      try refusal([])
        == "a header expected, a file of 0 bytes found; the file is cut short, fetch it again")
  }

  @Test func `a file shorter than the length of its header is refused`() throws {
    #expect(
      try refusal([2, 0, 0, 0, 0, 0, 0])
        == "a header expected, a file of 7 bytes found; the file is cut short, fetch it again")
  }

  @Test func `a Git LFS pointer is refused as what it is`() throws {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    #expect(
      try refusal(Array(pointer.utf8))
        == "it is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`")
  }

  @Test func `a header longer than the format allows is refused`() throws {
    #expect(
      try refusal(SampleFile.raw("{}", claiming: 100_000_001))
        == "a header of at most 100000000 bytes expected, 100000001 found" + Self.usualAdvice)
  }

  @Test func `the largest length does not overflow`() throws {
    #expect(
      try refusal(SampleFile.raw("{}", claiming: .max))
        == "a header of at most 100000000 bytes expected, 18446744073709551615 found"
        + Self.usualAdvice)
  }

  @Test func `a header that ends behind the file is refused`() throws {
    #expect(
      try refusal(SampleFile.raw("{}", claiming: 3))
        == "the header ends at byte 11, the file at byte 10; the file is cut short, fetch it again")
  }

  @Test func `a truncated file is refused`() throws {
    let bytes = SampleFile.bytes([SampleTensor("a", .f32, [2, 2])])
    #expect(
      try refusal(Array(bytes.dropLast()))
        == "its tensors take 16 bytes, the file holds 15; the file is cut short, fetch it again")
  }

  @Test func `bytes behind the last tensor are refused`() throws {
    let bytes = SampleFile.bytes([SampleTensor("a", .f32, [2, 2])])
    #expect(
      try refusal(bytes + [0])
        == "its tensors take 16 bytes, the file holds 17, more than they fill" + Self.usualAdvice)
  }

  // MARK: The JSON

  @Test func `an empty header is refused`() throws {
    #expect(
      try refusal("")
        == "the header is not the JSON expected: an object expected at byte 0" + Self.usualAdvice)
  }

  @Test func `a header that is not UTF-8 is refused`() throws {
    #expect(
      try refusal(SampleFile.raw([0x7B, 0x22, 0xFF, 0x22, 0x7D]))
        == "the header is not the JSON expected: not UTF-8 at byte 2" + Self.usualAdvice)
  }

  @Test func `a header that is a list is refused`() throws {
    #expect(
      try refusal("[]")
        == "the header is not the JSON expected: an object expected at byte 0" + Self.usualAdvice)
  }

  @Test func `a header cut inside its JSON is refused`() throws {
    #expect(
      try refusal("{\"a\"")
        == "the header is not the JSON expected: \":\" expected at byte 4" + Self.usualAdvice)
  }

  @Test func `padding with NUL is refused`() throws {
    #expect(
      try refusal("{}\0\0\0\0\0\0")
        == "the header is not the JSON expected: the end of the text expected at byte 2"
        + Self.usualAdvice)
  }

  // MARK: The metadata

  @Test func `metadata that is not a text is refused`() throws {
    #expect(
      try refusal("{\"__metadata__\":{\"step\":1}}")
        == "__metadata__ must map texts to texts: a string expected at byte 24" + Self.usualAdvice)
  }

  @Test func `metadata that is no object is refused`() throws {
    #expect(
      try refusal("{\"__metadata__\":\"pt\"}")
        == "__metadata__ must map texts to texts: an object expected at byte 16"
        + Self.usualAdvice)
  }

  @Test func `metadata given twice is refused`() throws {
    #expect(
      try refusal("{\"__metadata__\":{},\"__metadata__\":{}}")
        == "__metadata__ stands twice in the header" + Self.usualAdvice)
  }

  @Test func `parts of tensors are refused`() throws {
    let header = "{\"__metadata__\":{\"DCP_SHARDING_INFO\":\"{}\",\"format\":\"pt\"}}"
    #expect(
      try refusal(header)
        == "it holds parts of tensors (DCP_SHARDING_INFO in __metadata__), not whole ones; "
        + "join the parts first, with torch's consolidate_safetensors_files")
  }

  // MARK: One tensor

  @Test func `a tensor that is no object is refused`() throws {
    #expect(
      try refusal(tensor: "7")
        == "tensor \"a\" is not described by an object: an object expected at byte 5")
  }

  @Test(arguments: [
    ("dtype", "{\"shape\":[2],\"data_offsets\":[0,8]}"),
    ("shape", "{\"dtype\":\"F32\",\"data_offsets\":[0,8]}"),
    ("data_offsets", "{\"dtype\":\"F32\",\"shape\":[2]}"),
  ])
  func `a missing field is refused`(field: String, tensor: String) throws {
    #expect(try refusal(tensor: tensor) == "tensor \"a\" has no \(field)")
  }

  @Test(arguments: ["\"dtype\":\"F32\"", "\"shape\":[2]", "\"data_offsets\":[0,8]"])
  func `a field given twice is refused`(again: String) throws {
    let field = String(again.dropFirst().prefix { $0 != "\"" })
    let tensor = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\(again)}"
    #expect(try refusal(tensor: tensor) == "tensor \"a\" gives \(field) twice")
  }

  @Test func `an unknown dtype is refused`() throws {
    #expect(
      try refusal("{\"a\":{\"dtype\":\"F3\",\"shape\":[2],\"data_offsets\":[0,8]}}", dataByteCount: 8)
        == "tensor \"a\" has the unknown dtype \"F3\"; "
        + "this version reads the types up to safetensors 0.8")
  }

  @Test func `a dtype in small letters is refused`() throws {
    #expect(
      try refusal("{\"a\":{\"dtype\":\"f32\",\"shape\":[2],\"data_offsets\":[0,8]}}", dataByteCount: 8)
        == "tensor \"a\" has the unknown dtype \"f32\"; "
        + "this version reads the types up to safetensors 0.8")
  }

  @Test func `a dtype that is no text is refused`() throws {
    #expect(
      try refusal(tensor: "{\"dtype\":32,\"shape\":[2],\"data_offsets\":[0,8]}")
        == "tensor \"a\" has a wrong dtype: a string expected at byte 14")
  }

  @Test func `a shape that is no list is refused`() throws {
    #expect(
      try refusal(tensor: "{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}")
        == "tensor \"a\" has a wrong shape: an array expected at byte 28")
  }

  @Test func `a dimension with a fraction is refused`() throws {
    #expect(
      try refusal(tensor: "{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}")
        == "tensor \"a\" has a wrong shape: a whole number of at most 63 bits expected at byte 29")
  }

  @Test func `a negative dimension is refused`() throws {
    #expect(
      try refusal(tensor: "{\"dtype\":\"F32\",\"shape\":[-1,-2],\"data_offsets\":[0,8]}")
        == "tensor \"a\" has -1 in its shape, at least 0 expected")
  }

  @Test func `a shape whose product overflows is refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}"
    #expect(
      try refusal(tensor: tensor)
        == "tensor \"a\" (F32 [4294967296, 4294967296]) is larger than 63 bits can count")
  }

  @Test func `a shape whose bits overflow is refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,8]}"
    #expect(
      try refusal(tensor: tensor)
        == "tensor \"a\" (F32 [4611686018427387904]) is larger than 63 bits can count")
  }

  @Test func `a packed tensor that ends inside a byte is refused`() throws {
    let tensor = "{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}"
    #expect(
      try refusal(tensor: tensor, dataByteCount: 2)
        == "tensor \"a\" (F4 [3]) takes 12 bits, whole bytes expected")
  }

  @Test func `a range that does not fit dtype and shape is refused`() throws {
    let tensor = "{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,8]}"
    #expect(
      try refusal(tensor: tensor)
        == "tensor \"a\" (BF16 [2, 3]) takes 12 bytes, its data_offsets hold 8")
  }

  @Test func `a negative offset is refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}"
    #expect(
      try refusal(tensor: tensor)
        == "tensor \"a\" has -8 in its data_offsets, at least 0 expected")
  }

  @Test func `an offset with an exponent is refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8e0]}"
    #expect(
      try refusal(tensor: tensor)
        == "tensor \"a\" has a wrong data_offsets: "
        + "a whole number of at most 63 bits expected at byte 50")
  }

  @Test func `an offset of 64 bits is refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9223372036854775808]}"
    #expect(
      try refusal(tensor: tensor)
        == "tensor \"a\" has a wrong data_offsets: "
        + "a whole number of at most 63 bits expected at byte 50")
  }

  @Test func `three offsets are refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4,8]}"
    #expect(try refusal(tensor: tensor) == "tensor \"a\" has 3 data_offsets, 2 expected")
  }

  @Test func `an end before its begin is refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}"
    #expect(try refusal(tensor: tensor) == "tensor \"a\" begins at 8, behind its end at 0")
  }

  // MARK: Tensors together

  /// The refusal of tensors a, b, … of bytes with the given ranges.
  private func refusal(ranges: [(Int, Int)], dataByteCount: Int) throws -> String {
    let tensors = zip("abcdef", ranges).map { name, range in
      "\"\(name)\":{\"dtype\":\"U8\",\"shape\":[\(range.1 - range.0)],"
        + "\"data_offsets\":[\(range.0),\(range.1)]}"
    }
    let text = try refusal("{" + tensors.joined(separator: ",") + "}", dataByteCount: dataByteCount)
    return String(text.dropLast(Self.usualAdvice.count))
  }

  @Test func `data that does not begin at 0 is refused`() throws {
    #expect(
      try refusal(ranges: [(4, 8)], dataByteCount: 8)
        == "tensor \"a\" begins at 4, the tensors before it end at 0")
  }

  @Test func `a hole is refused`() throws {
    #expect(
      try refusal(ranges: [(0, 4), (5, 9)], dataByteCount: 9)
        == "tensor \"b\" begins at 5, the tensors before it end at 4")
  }

  @Test func `an overlap is refused`() throws {
    #expect(
      try refusal(ranges: [(4, 8), (0, 5)], dataByteCount: 8)
        == "tensor \"a\" begins at 4, inside the tensor before it, which ends at 5")
  }

  @Test func `two tensors on the same bytes are refused`() throws {
    #expect(
      try refusal(ranges: [(0, 4), (0, 4)], dataByteCount: 4)
        == "tensor \"b\" begins at 0, inside the tensor before it, which ends at 4")
  }

  @Test func `a tensor without bytes inside another one is refused`() throws {
    #expect(
      try refusal(ranges: [(0, 8), (4, 4)], dataByteCount: 8)
        == "tensor \"b\" begins at 4, inside the tensor before it, which ends at 8")
  }

  @Test func `a tensor without bytes behind the end is refused`() throws {
    #expect(
      try refusal(ranges: [(0, 8), (9, 9)], dataByteCount: 8)
        == "tensor \"b\" begins at 9, the tensors before it end at 8")
  }

  @Test func `a name given twice is refused even on the same bytes`() throws {
    let tensor = "{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}"
    #expect(
      try refusal("{\"a\":\(tensor),\"\\u0061\":\(tensor)}", dataByteCount: 4)
        == "tensor \"a\" stands twice in the header" + Self.usualAdvice)
  }

  @Test func `a name in a sentence cannot act on the terminal and is cut where it is long`() throws {
    let name = "\\u001b[31m" + String(repeating: "x", count: 300)
    let shown = "\\u001b[31m" + String(repeating: "x", count: 195) + "…"
    #expect(
      try refusal("{\"\(name)\":{}}")
        == "tensor \"\(shown)\" has no dtype" + Self.usualAdvice)
  }
}
