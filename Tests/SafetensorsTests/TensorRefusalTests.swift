// Tensors that break the format, alone and together, with the exact sentence that a person reads.
import Safetensors
import TestSupport
import Testing

struct TensorRefusalTests {
  let scratch = Scratch()

  // MARK: One tensor

  @Test func `a tensor that is no object is refused`() throws {
    #expect(
      try scratch.refusal(tensor: "7")
        == "tensor \"a\" is not described by an object: an object expected at byte 5")
  }

  @Test(arguments: [
    ("dtype", "{\"shape\":[2],\"data_offsets\":[0,8]}"),
    ("shape", "{\"dtype\":\"F32\",\"data_offsets\":[0,8]}"),
    ("data_offsets", "{\"dtype\":\"F32\",\"shape\":[2]}"),
  ])
  func `a missing field is refused`(field: String, tensor: String) throws {
    #expect(try scratch.refusal(tensor: tensor) == "tensor \"a\" has no \(field)")
  }

  @Test(arguments: ["\"dtype\":\"F32\"", "\"shape\":[2]", "\"data_offsets\":[0,8]"])
  func `a field given twice is refused`(again: String) throws {
    let field = String(again.dropFirst().prefix { $0 != "\"" })
    let tensor = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\(again)}"
    #expect(try scratch.refusal(tensor: tensor) == "tensor \"a\" gives \(field) twice")
  }

  @Test func `an unknown dtype is refused`() throws {
    #expect(
      try scratch.refusal(
        "{\"a\":{\"dtype\":\"F3\",\"shape\":[2],\"data_offsets\":[0,8]}}", dataByteCount: 8)
        == "tensor \"a\" has the unknown dtype \"F3\"; "
        + "this version reads the types up to safetensors 0.8")
  }

  @Test func `a dtype in small letters is refused`() throws {
    #expect(
      try scratch.refusal(
        "{\"a\":{\"dtype\":\"f32\",\"shape\":[2],\"data_offsets\":[0,8]}}", dataByteCount: 8)
        == "tensor \"a\" has the unknown dtype \"f32\"; "
        + "this version reads the types up to safetensors 0.8")
  }

  @Test func `a dtype that is no text is refused`() throws {
    #expect(
      try scratch.refusal(tensor: "{\"dtype\":32,\"shape\":[2],\"data_offsets\":[0,8]}")
        == "tensor \"a\" has a wrong dtype: a string expected at byte 14")
  }

  @Test func `a shape that is no list is refused`() throws {
    #expect(
      try scratch.refusal(tensor: "{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}")
        == "tensor \"a\" has a wrong shape: an array expected at byte 28")
  }

  @Test func `a dimension with a fraction is refused`() throws {
    #expect(
      try scratch.refusal(tensor: "{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}")
        == "tensor \"a\" has a wrong shape: a whole number of at most 63 bits expected at byte 29")
  }

  @Test func `a negative dimension is refused`() throws {
    #expect(
      try scratch.refusal(tensor: "{\"dtype\":\"F32\",\"shape\":[-1,-2],\"data_offsets\":[0,8]}")
        == "tensor \"a\" has -1 in its shape, at least 0 expected")
  }

  @Test func `a shape whose product overflows is refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}"
    #expect(
      try scratch.refusal(tensor: tensor)
        == "tensor \"a\" (F32 [4294967296, 4294967296]) is larger than 63 bits can count")
  }

  @Test func `a shape whose bits overflow is refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,8]}"
    #expect(
      try scratch.refusal(tensor: tensor)
        == "tensor \"a\" (F32 [4611686018427387904]) is larger than 63 bits can count")
  }

  @Test func `a packed tensor that ends inside a byte is refused`() throws {
    let tensor = "{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}"
    #expect(
      try scratch.refusal(tensor: tensor, dataByteCount: 2)
        == "tensor \"a\" (F4 [3]) takes 12 bits, whole bytes expected")
  }

  @Test func `a range that does not fit dtype and shape is refused`() throws {
    let tensor = "{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,8]}"
    #expect(
      try scratch.refusal(tensor: tensor)
        == "tensor \"a\" (BF16 [2, 3]) takes 12 bytes, its data_offsets hold 8")
  }

  @Test func `a negative offset is refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}"
    #expect(
      try scratch.refusal(tensor: tensor)
        == "tensor \"a\" has -8 in its data_offsets, at least 0 expected")
  }

  @Test func `an offset with an exponent is refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8e0]}"
    #expect(
      try scratch.refusal(tensor: tensor)
        == "tensor \"a\" has a wrong data_offsets: "
        + "a whole number of at most 63 bits expected at byte 50")
  }

  @Test func `an offset of 64 bits is refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9223372036854775808]}"
    #expect(
      try scratch.refusal(tensor: tensor)
        == "tensor \"a\" has a wrong data_offsets: "
        + "a whole number of at most 63 bits expected at byte 50")
  }

  @Test func `three offsets are refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4,8]}"
    #expect(try scratch.refusal(tensor: tensor) == "tensor \"a\" has 3 data_offsets, 2 expected")
  }

  @Test func `an end before its begin is refused`() throws {
    let tensor = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}"
    #expect(try scratch.refusal(tensor: tensor) == "tensor \"a\" begins at 8, behind its end at 0")
  }

  // MARK: Tensors together

  @Test func `data that does not begin at 0 is refused`() throws {
    #expect(
      try scratch.refusal(ranges: [(4, 8)], dataByteCount: 8)
        == "tensor \"a\" begins at 4, the tensors before it end at 0")
  }

  @Test func `a hole is refused`() throws {
    #expect(
      try scratch.refusal(ranges: [(0, 4), (5, 9)], dataByteCount: 9)
        == "tensor \"b\" begins at 5, the tensors before it end at 4")
  }

  @Test func `an overlap is refused`() throws {
    #expect(
      try scratch.refusal(ranges: [(4, 8), (0, 5)], dataByteCount: 8)
        == "tensor \"a\" begins at 4, inside the tensor before it, which ends at 5")
  }

  @Test func `two tensors on the same bytes are refused`() throws {
    #expect(
      try scratch.refusal(ranges: [(0, 4), (0, 4)], dataByteCount: 4)
        == "tensor \"b\" begins at 0, inside the tensor before it, which ends at 4")
  }

  @Test func `a tensor without bytes inside another one is refused`() throws {
    #expect(
      try scratch.refusal(ranges: [(0, 8), (4, 4)], dataByteCount: 8)
        == "tensor \"b\" begins at 4, inside the tensor before it, which ends at 8")
  }

  @Test func `a tensor without bytes behind the end is refused`() throws {
    #expect(
      try scratch.refusal(ranges: [(0, 8), (9, 9)], dataByteCount: 8)
        == "tensor \"b\" begins at 9, the tensors before it end at 8")
  }

  @Test func `a name given twice is refused even on the same bytes`() throws {
    let tensor = "{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}"
    #expect(
      try scratch.refusal("{\"a\":\(tensor),\"\\u0061\":\(tensor)}", dataByteCount: 4)
        == "tensor \"a\" stands twice in the header" + usualAdvice)
  }

  @Test func `a name in a sentence is escaped and cut where it is long`() throws {
    let name = "\\u001b[31m" + String(repeating: "x", count: 300)
    let shown = "\\u001b[31m" + String(repeating: "x", count: 195) + "…"
    #expect(
      try scratch.refusal("{\"\(name)\":{}}")
        == "tensor \"\(shown)\" has no dtype" + usualAdvice)
  }
}
