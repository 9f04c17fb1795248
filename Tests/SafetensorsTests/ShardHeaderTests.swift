import Safetensors
import Storage
import TestSupport
import Testing

struct ShardHeaderTests {
  let scratch = Scratch()

  private func read(_ header: String, dataByteCount: Int = 0) throws -> ShardHeader {
    try ShardHeader.read(
      try scratch.write("a.safetensors", SampleFile.raw(header, dataByteCount: dataByteCount)))
  }

  @Test func `a file's header is read whole`() throws {
    let path = try scratch.write(
      "model.safetensors",
      [SampleTensor("w", .bf16, [2, 3]), SampleTensor("scale", .f32, [])])
    let header = try ShardHeader.read(path)
    let bytes = try scratch.read("model.safetensors")
    let status = try #require(try FileStatus.of(path))
    #expect(header.path == path)
    #expect(header.fileByteCount == Int64(bytes.count))
    #expect(header.modified == status.modified)
    #expect(header.headerByteCount == Int64(bytes.count - 16))
    #expect(header.digest == Digest.xxh3(Array(bytes.prefix(Int(header.headerByteCount)))))
    #expect(header.metadata == ["format": "pt"])
    #expect(
      header.tensors == [
        TensorEntry(name: "w", dtype: .bf16, shape: [2, 3], byteRange: 0..<12),
        TensorEntry(name: "scale", dtype: .f32, shape: [], byteRange: 12..<16),
      ])
    #expect(header.tensors.map(\.elementCount) == [6, 1])
  }

  @Test func `tensors come in the order of their bytes, not of the JSON`() throws {
    let header = try read(
      """
      {"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]},
       "a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}
      """, dataByteCount: 8)
    #expect(header.tensors.map(\.name) == ["a", "b"])
  }

  @Test func `a file without tensors is valid`() throws {
    #expect(try read("{}").tensors.isEmpty)
  }

  @Test func `white space around the JSON is accepted`() throws {
    #expect(try read(" \n\t{ } \r\n").tensors.isEmpty)
  }

  @Test func `metadata of null stands for none`() throws {
    #expect(try read("{\"__metadata__\":null}").metadata.isEmpty)
  }

  @Test func `of a key that metadata repeats the last one counts`() throws {
    #expect(try read("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}").metadata == ["a": "2"])
  }

  @Test func `unknown fields of a tensor are passed over`() throws {
    let header = try read(
      """
      {"a":{"note":{"x":[1,{"x":null}],"x":2.5e3},"dtype":"U8","shape":[1],"data_offsets":[0,1]}}
      """, dataByteCount: 1)
    #expect(header.tensors.count == 1)
  }

  @Test func `names may be empty, escaped or of any script`() throws {
    let header = try read(
      """
      {"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
       "a\\n\\u0022\\ud83d\\ude00":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},
       "层.0":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}
      """, dataByteCount: 3)
    #expect(header.tensors.map(\.name) == ["", "a\n\"😀", "层.0"])
  }

  @Test func `tensors without bytes stand between others`() throws {
    let header = try read(
      """
      {"end":{"dtype":"F32","shape":[0],"data_offsets":[8,8]},
       "b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]},
       "none":{"dtype":"F32","shape":[7,0,9223372036854775807],"data_offsets":[4,4]},
       "a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}
      """, dataByteCount: 8)
    #expect(header.tensors.map(\.name) == ["a", "none", "b", "end"])
    #expect(header.tensors[1].elementCount == 0)
  }

  @Test func `offsets need not be aligned`() throws {
    let header = try read(
      """
      {"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
       "b":{"dtype":"F64","shape":[1],"data_offsets":[1,9]}}
      """, dataByteCount: 9)
    #expect(header.tensors[1].byteRange == 1..<9)
  }

  @Test(arguments: DType.allCases) func `every dtype is read with its size`(dtype: DType) throws {
    let header = try read(
      """
      {"a":{"dtype":"\(dtype.rawValue)","shape":[2,4],"data_offsets":[0,\(dtype.bitCount)]}}
      """, dataByteCount: dtype.bitCount)
    #expect(header.tensors[0].dtype == dtype)
    #expect(header.tensors[0].byteCount == Int64(dtype.bitCount))
  }

  @Test func `200 000 tensors are read in order`() throws {
    let count = 200_000
    let tensors = (0..<count).map { (name: "layers.\($0).w", dtype: DType.u8, shape: [1]) }
    let path = try scratch.write(
      "big.safetensors", ShardLayout.header(tensors) + [UInt8](repeating: 0, count: count))
    let header = try ShardHeader.read(path)
    #expect(header.tensors.count == count)
    #expect(header.tensors.last?.name == "layers.199999.w")
  }
}
