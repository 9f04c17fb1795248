// Files that break the format, one by one, with the exact sentence that a person reads.
import Safetensors
import Storage
import TestSupport
import Testing

struct HeaderRefusalTests {
  let scratch = Scratch()

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
      try scratch.refusal([])
        == "a header expected, a file of 0 bytes found; the file is cut short, fetch it again")
  }

  @Test func `a file shorter than the length of its header is refused`() throws {
    #expect(
      try scratch.refusal([2, 0, 0, 0, 0, 0, 0])
        == "a header expected, a file of 7 bytes found; the file is cut short, fetch it again")
  }

  @Test func `a Git LFS pointer is refused as what it is`() throws {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    #expect(
      try scratch.refusal(Array(pointer.utf8))
        == "it is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`")
  }

  @Test func `a header longer than the format allows is refused`() throws {
    #expect(
      try scratch.refusal(SampleFile.raw("{}", claiming: 100_000_001))
        == "a header of at most 100000000 bytes expected, 100000001 found" + usualAdvice)
  }

  @Test func `the largest length does not overflow`() throws {
    #expect(
      try scratch.refusal(SampleFile.raw("{}", claiming: .max))
        == "a header of at most 100000000 bytes expected, 18446744073709551615 found"
        + usualAdvice)
  }

  @Test func `a header that ends behind the file is refused`() throws {
    #expect(
      try scratch.refusal(SampleFile.raw("{}", claiming: 3))
        == "the header ends at byte 11, the file at byte 10; the file is cut short, fetch it again")
  }

  @Test func `a truncated file is refused`() throws {
    let bytes = SampleFile.bytes([SampleTensor("a", .f32, [2, 2])])
    #expect(
      try scratch.refusal(Array(bytes.dropLast()))
        == "its tensors take 16 bytes, the file holds 15; the file is cut short, fetch it again")
  }

  @Test func `bytes behind the last tensor are refused`() throws {
    let bytes = SampleFile.bytes([SampleTensor("a", .f32, [2, 2])])
    #expect(
      try scratch.refusal(bytes + [0])
        == "its tensors take 16 bytes, the file holds 17, more than they fill" + usualAdvice)
  }

  // MARK: The JSON

  @Test func `an empty header is refused`() throws {
    #expect(
      try scratch.refusal("")
        == "the header is not the JSON expected: an object expected at byte 0" + usualAdvice)
  }

  @Test func `a header that is not UTF-8 is refused`() throws {
    #expect(
      try scratch.refusal(SampleFile.raw([0x7B, 0x22, 0xFF, 0x22, 0x7D]))
        == "the header is not the JSON expected: not UTF-8 at byte 2" + usualAdvice)
  }

  @Test func `a header that is a list is refused`() throws {
    #expect(
      try scratch.refusal("[]")
        == "the header is not the JSON expected: an object expected at byte 0" + usualAdvice)
  }

  @Test func `a header cut inside its JSON is refused`() throws {
    #expect(
      try scratch.refusal("{\"a\"")
        == "the header is not the JSON expected: \":\" expected at byte 4" + usualAdvice)
  }

  @Test func `padding with NUL is refused`() throws {
    #expect(
      try scratch.refusal("{}\0\0\0\0\0\0")
        == "the header is not the JSON expected: the end of the text expected at byte 2"
        + usualAdvice)
  }

  // MARK: The metadata

  @Test func `metadata that is not a text is refused`() throws {
    #expect(
      try scratch.refusal("{\"__metadata__\":{\"step\":1}}")
        == "__metadata__ must map texts to texts: a string expected at byte 24" + usualAdvice)
  }

  @Test func `metadata that is no object is refused`() throws {
    #expect(
      try scratch.refusal("{\"__metadata__\":\"pt\"}")
        == "__metadata__ must map texts to texts: an object expected at byte 16"
        + usualAdvice)
  }

  @Test func `metadata given twice is refused`() throws {
    #expect(
      try scratch.refusal("{\"__metadata__\":{},\"__metadata__\":{}}")
        == "__metadata__ stands twice in the header" + usualAdvice)
  }

  @Test func `parts of tensors are refused`() throws {
    let header = "{\"__metadata__\":{\"DCP_SHARDING_INFO\":\"{}\",\"format\":\"pt\"}}"
    #expect(
      try scratch.refusal(header)
        == "it holds parts of tensors (DCP_SHARDING_INFO in __metadata__), not whole ones; "
        + "join the parts first, with torch's consolidate_safetensors_files")
  }
}
