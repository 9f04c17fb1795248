import Safetensors
import Storage
import TestSupport
import Testing

struct ShardLayoutTests {
  private func text(_ tensors: [(name: String, dtype: DType, shape: [Int])]) -> String {
    String(decoding: ShardLayout.header(tensors).dropFirst(8), as: UTF8.self)
  }

  @Test func `tensors lie one behind the other in the order given`() {
    #expect(
      text([("b", .bf16, [2, 3]), ("a", .f32, []), ("none", .i64, [0, 4])])
        == #"{"__metadata__":{"format":"pt"},"#
        + #""b":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"#
        + #""a":{"dtype":"F32","shape":[],"data_offsets":[12,16]},"#
        + #""none":{"dtype":"I64","shape":[0,4],"data_offsets":[16,16]}}"#
        + "     ")
  }

  @Test func `a header without tensors is the metadata alone`() {
    #expect(
      ShardLayout.header([])
        == [32, 0, 0, 0, 0, 0, 0, 0] + Array(#"{"__metadata__":{"format":"pt"}}"#.utf8))
  }

  @Test func `the data begins at a multiple of 8 and the length says so`() {
    for length in 0..<20 {
      let name = String(repeating: "n", count: length)
      let header = ShardLayout.header([(name, .u8, [length])])
      #expect(header.count % 8 == 0)
      #expect(Int(header[0]) + Int(header[1]) << 8 == header.count - 8)
    }
  }

  @Test func `names are escaped as the official writer escapes them`() {
    let names = text([("q\"\\\n\r\t\u{8}\u{C}\u{1}层", .u8, [])])
    #expect(names.contains(#""q\"\\\n\r\t\b\f\u0001层":{"#))
  }

  @Test func `packed types take their bits`() {
    #expect(text([("a", .f4, [3, 2]), ("b", .f6E2M3, [4])]).contains(#""data_offsets":[3,6]"#))
  }

  @Test func `sizes beyond 32 bits are written in full`() {
    #expect(
      text([("experts", .bf16, [128, 5120, 16384])]).contains(#""data_offsets":[0,21474836480]"#))
  }

  @Test func `what is written is read back the same`() throws {
    let scratch = Scratch()
    var generator = SeededGenerator(seed: 7)
    let tensors = (0..<50).map { index in
      SampleTensor(
        "t\(index)", DType.allCases.randomElement(using: &generator)!,
        (0..<Int.random(in: 0...3, using: &generator)).map { _ in
          4 * Int.random(in: 0...3, using: &generator)
        } + [4])
    }
    let header = try ShardHeader.read(try scratch.write("a.safetensors", tensors))
    #expect(header.tensors.map(\.name) == tensors.map(\.name))
    #expect(header.tensors.map(\.dtype) == tensors.map(\.dtype))
    #expect(header.tensors.map(\.shape) == tensors.map(\.shape))
    #expect(header.headerByteCount % 8 == 0)
  }
}
