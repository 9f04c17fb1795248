// Broken safetensors files of every kind, as a shard of the base and as the adapter's weights.
import TestSupport
import Testing

/// A file that is not safetensors, and what must be said of it.
struct BrokenFile: CustomTestStringConvertible {
  var testDescription: String
  var bytes: [UInt8]
  var naming: [String]

  init(_ title: String, _ bytes: [UInt8], _ naming: String...) {
    testDescription = title
    self.bytes = bytes
    self.naming = naming
  }

  /// A header as it stands, and so many bytes of data.
  init(_ title: String, _ header: String, data: Int = 0, _ naming: String...) {
    testDescription = title
    bytes = SampleFile.raw(header, dataByteCount: data)
    self.naming = naming
  }

  /// Two tensors of 16 bytes at these offsets.
  private static func pair(_ first: String, _ second: String) -> String {
    #"{"a.weight":{"dtype":"F32","shape":[4],"data_offsets":\#(first)},"#
      + #""b.weight":{"dtype":"F32","shape":[4],"data_offsets":\#(second)}}"#
  }

  private static func one(_ fields: String) -> String { #"{"a.weight":{\#(fields)}}"# }

  static let all: [BrokenFile] = [
    .init("empty", [], "0 bytes", "fetch it again"),
    .init("cut in the header's length", [1, 0, 0], "3 bytes", "cut short"),
    .init(
      "a Git LFS pointer",
      Array("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".utf8),
      "Git LFS pointer", "git lfs pull"),
    .init(
      "a header of more than 100 MB", SampleFile.raw("{}", claiming: 100_000_001), "100000001"),
    .init("a length beyond 63 bits", SampleFile.raw("{}", claiming: .max), "18446744073709551615"),
    .init("a header beyond the file", SampleFile.raw("{}", claiming: 500), "508", "cut short"),
    .init("HTML in place of a file", Array("<!DOCTYPE html><html>Not found</html>".utf8), "header"),
    .init("a header that is no JSON", "not json", "not the JSON expected"),
    .init(
      "a header cut in the middle", #"{"a.weight":{"dtype":"F3"#, "\"a.weight\"", "end of a string"),
    .init("a header that is a list", "[]", "not the JSON expected"),
    .init("a header that is not UTF-8", SampleFile.raw([0x7B, 0x22, 0xFF, 0x22, 0x7D]), "UTF-8"),
    .init(
      "a header nested without end", one(#""x":"# + String(repeating: "[", count: 100_000)),
      "nested deeper"),
    .init("an entry that is no object", #"{"a.weight":5}"#, "\"a.weight\"", "object"),
    .init(
      "no dtype", one(#""shape":[1],"data_offsets":[0,4]"#), data: 4, "\"a.weight\"", "no dtype"),
    .init(
      "no shape", one(#""dtype":"F32","data_offsets":[0,4]"#), data: 4, "\"a.weight\"", "no shape"),
    .init(
      "no offsets", one(#""dtype":"F32","shape":[1]"#), data: 4, "\"a.weight\"", "no data_offsets"),
    .init(
      "an unknown dtype", one(#""dtype":"Q4_K","shape":[1],"data_offsets":[0,4]"#), data: 4,
      "\"a.weight\"", "\"Q4_K\""),
    .init(
      "a negative dimension", one(#""dtype":"F32","shape":[-1],"data_offsets":[0,4]"#), data: 4,
      "\"a.weight\"", "-1"),
    .init(
      "half a dimension", one(#""dtype":"F32","shape":[1.5],"data_offsets":[0,6]"#), data: 6,
      "\"a.weight\"", "shape"),
    .init(
      "a shape beyond counting",
      one(#""dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]"#), data: 4,
      "\"a.weight\"", "63 bits"),
    .init(
      "three offsets", one(#""dtype":"F32","shape":[1],"data_offsets":[0,4,8]"#), data: 8,
      "\"a.weight\"", "3 data_offsets"),
    .init(
      "offsets in reverse", one(#""dtype":"F32","shape":[1],"data_offsets":[4,0]"#), data: 4,
      "\"a.weight\"", "behind its end"),
    .init(
      "a range that is not dtype × shape", one(#""dtype":"F32","shape":[2],"data_offsets":[0,4]"#),
      data: 4, "\"a.weight\"", "8 bytes", "hold 4"),
    .init(
      "half a byte", one(#""dtype":"F4","shape":[3],"data_offsets":[0,2]"#), data: 2,
      "\"a.weight\"", "12 bits"),
    .init("tensors that overlap", pair("[0,16]", "[8,24]"), data: 24, "\"b.weight\"", "inside"),
    .init("tensors on one place", pair("[0,16]", "[0,16]"), data: 16, "\"b.weight\"", "inside"),
    .init(
      "a hole between tensors", pair("[0,16]", "[20,36]"), data: 36, "\"b.weight\"", "begins at 20"),
    .init(
      "a hole at the start", pair("[4,20]", "[20,36]"), data: 36, "\"a.weight\"", "begins at 4"),
    .init("data cut short", pair("[0,16]", "[16,32]"), data: 31, "32 bytes", "holds 31"),
    .init("bytes behind the data", pair("[0,16]", "[16,32]"), data: 33, "holds 33"),
    .init(
      "a tensor twice",
      one(
        #""dtype":"U8","shape":[1],"data_offsets":[0,1]},"a.weight":{"#
          + #""dtype":"U8","shape":[1],"data_offsets":[1,2]"#), data: 2, "\"a.weight\"", "twice"),
    .init(
      "a field twice",
      one(#""dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]"#), data: 1, "\"a.weight\"",
      "twice"),
    .init("metadata that is no text", #"{"__metadata__":{"a":1}}"#, "__metadata__"),
    .init("metadata twice", #"{"__metadata__":{},"__metadata__":{}}"#, "__metadata__", "twice"),
    .init(
      "parts of tensors", #"{"__metadata__":{"DCP_SHARDING_INFO":"{}"}}"#, "DCP_SHARDING_INFO"),
    .init(
      "a name that would act on a terminal",
      #"{"a\n\u001b[2J":{"dtype":"X","shape":[1],"data_offsets":[0,1]}}"#, data: 1,
      #""a\n\u001b[2J""#),
  ]
}

@Suite(.timeLimit(.minutes(30)))
struct RefusalContainerTests {
  let bench: RefusalBench

  init() throws { bench = try RefusalBench() }

  @Test func `the bench merges where nothing is broken`() throws {
    for workers in ["0", "2"] {
      let run = try Command.run(
        bench.words(output: bench.scratch("out" + workers), ["--workers", workers]))
      #expect(run.exitCode == 0, "\(run)")
    }
  }

  @Test(arguments: BrokenFile.all)
  func `a broken shard of the base is refused`(_ file: BrokenFile) throws {
    let path = try bench.scratch.write("base/" + RefusalBench.shards[1], file.bytes)
    try bench.expectRefusal(naming: [path] + file.naming)
  }

  @Test(arguments: BrokenFile.all)
  func `broken weights of an adapter are refused`(_ file: BrokenFile) throws {
    let path = try bench.scratch.write("adapter/adapter_model.safetensors", file.bytes)
    try bench.expectRefusal(naming: [path] + file.naming)
  }
}
