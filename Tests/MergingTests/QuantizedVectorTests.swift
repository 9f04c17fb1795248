// Decoders against values that were computed apart from any of this: tables of every code, and small
// weights whose bytes follow from a formula.
import GGUF
import Safetensors
import Storage
import TestSupport
import Testing

@testable import Merging

struct QuantizedVectorTests {
  let bench = DecoderBench()

  /// The first 16 digits of the SHA-256 of bytes.
  private func sha(_ bytes: [UInt8]) -> String {
    var digester = Digester(.sha256)
    unsafe digester.update(bytes.span.bytes)
    return String(digester.finish().description.dropFirst("sha256:".count).prefix(16))
  }

  private func bytes(_ values: [Float], _ dtype: DType = .f32) -> [UInt8] {
    SampleTensor("x", dtype, [values.count], values.map(Double.init)).bytes
  }

  // MARK: Tables

  @Test(arguments: [
    (DType.f8E4M3, "422eccfaa21e72a6"), (.f8E5M2, "229a94c5f728edf2"),
    (.f8E4M3FNUZ, "ac4866f772a7c080"), (.f8E5M2FNUZ, "aac12d2730bf26ca"),
    (.f8E8M0, "2fb2732a95604377"),
  ]) func `every code of a small float has its value`(_ dtype: DType, _ digest: String) throws {
    let table = try #require(SmallFloat.table(of: dtype))
    let canonical = table.map { $0.isNaN ? Float(bitPattern: 0x7FC0_0000) : $0 }
    let words = canonical.flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
    }
    #expect(sha(words) == digest)
  }

  @Test func `every code of four bits has its value`() {
    #expect(SmallFloat.e2m1[7] == 6 && SmallFloat.e2m1[1] == 0.5)
    #expect(SmallFloat.e2m1[8].sign == .minus && SmallFloat.e2m1[8] == 0)
    for code in 8..<16 { #expect(SmallFloat.e2m1[code] == -SmallFloat.e2m1[code - 8]) }
  }

  // MARK: Weights

  private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8((29 * $0 + 5) & 255) } }

  private func nested(isFloat: Bool) throws -> [Float] {
    try bench.decode(
      "nibbles", [2, 64],
      [
        SampleTensor("codes", .u8, [64, 1], bytes: pattern(64)),
        SampleTensor("absmax", .u8, [2], bytes: [200, 17]),
        SampleTensor("nestedAbsmax", .f32, [1], [0.0371]),
        SampleTensor("nestedMap", .f32, [256], (0..<256).map { Double(Float($0) / 255) }),
      ],
      [
        "block": 64, "isFloat": isFloat ? 1 : 0, "nestedBlock": 256,
        "nestedOffset": Double(Float(0.0123)),
      ])
  }

  @Test func `nested NF4 has the published digests in three types`() throws {
    let values = try nested(isFloat: false)
    #expect(sha(bytes(values)) == "84ef9c84de46ad4e")
    #expect(sha(bytes(values, .bf16)) == "7f4e1824060e85c8")
    #expect(sha(bytes(values, .f16)) == "356106e26135a1a8")
  }

  @Test func `nested FP4 has the published digests where code 8 is taken as −0`() throws {
    let codes = pattern(64).flatMap { [$0 >> 4, $0 & 15] }
    let values = zip(try nested(isFloat: true), codes).map { $1 == 8 ? -0.0 : $0 }
    #expect(sha(bytes(values)) == "e0ca9a44ff846703")
    #expect(sha(bytes(values, .bf16)) == "eb2d3a5acfdd2f9f")
    #expect(sha(bytes(values, .f16)) == "f54fb017677c9b99")
  }

  @Test func `LLM int8 multiplies from left to right`() throws {
    let codes: [Int8] = [-128, -127, -1, 0, 1, 100, 127]
    let values = try bench.decode(
      "rowMaxima", [1, 7],
      [
        SampleTensor("codes", .i8, [1, 7], bytes: codes.map { UInt8(bitPattern: $0) }),
        SampleTensor("scale", .f32, [1], [Double(Float(0.3337))]),
      ])
    #expect(
      values.map(\.bitPattern)
        == [
          0xBEAC_3320, 0xBEAA_DABA, 0xBB2C_3320, 0, 0x3B2C_3320, 0x3E86_87F1, 0x3EAA_DABA,
        ])
  }

  @Test func `FP8 multiplies in Float32`() throws {
    let values = try bench.decode(
      "scaledCodes", [1, 3],
      [
        SampleTensor("codes", .f8E4M3, [1, 3], bytes: [0x31, 0xC7, 0x7E]),
        SampleTensor("scale", .f32, [1, 1], [Double(Float(0.00021457672))]),
      ], ["blockRows": 128, "blockColumns": 128])
    #expect(values.map(\.bitPattern) == [0x38FD_2000, 0xBA52_F000, 0x3DC4_E000])
    #expect(values.map { DType.bf16.rounded($0).bitPattern >> 16 } == [0x38FD, 0xBA53, 0x3DC5])
  }

  @Test func `MXFP4 has the published digest`() throws {
    let values = try bench.decode(
      "fourBitFloats", [1, 32],
      [
        SampleTensor("codes", .u8, [1, 16], bytes: pattern(16)),
        SampleTensor("scale", .u8, [1, 1], bytes: [0x7B]),
      ], ["group": 32])
    // That of transformers' own function, and the published one, which takes code 8 as +0.
    #expect(sha(bytes(values)) == "906570f8684822b3")
    #expect(sha(bytes(values.map { $0 == 0 ? 0 : $0 })) == "0ff18ac10122e3dd")
    #expect(Array(values.prefix(4)) == [0.1875, 0, 0.0625, 0.0625])
    for value in values { #expect(DType.bf16.rounded(value) == value) }
  }

  @Test(arguments: [(1.0, UInt32(0x3AB3_2B3D)), (0.0, 0)])
  func `NVFP4 divides by the global scale or multiplies with it`(
    _ divides: Double, _ expected: UInt32
  ) throws {
    let values = try bench.decode(
      "fourBitFloats", [1, 16],
      [
        SampleTensor("codes", .u8, [1, 8], bytes: [5, 0, 0, 0, 0, 0, 0, 0]),
        SampleTensor("scale", .f8E4M3, [1, 1], bytes: [0x31]),
        SampleTensor("global", .f32, [1], [1234.5]),
      ], ["group": 16, "divides": divides])
    let scale = SmallFloat.e4m3[0x31]
    #expect(values[0] == 3 * (divides == 1 ? scale / 1234.5 : scale * 1234.5))
    if divides == 1 {
      #expect(values[0].bitPattern == expected)
      #expect((3 * (scale * (1 / 1234.5))).bitPattern == expected - 1)
    }
  }

  /// Each byte 7 i + 3, but for the scales.
  @Test(arguments: [
    ("Q4_0", 2, [0], "20ff0629d56be35d"), ("Q4_1", 3, [0, 2], "42777f67da252bc1"),
    ("Q5_0", 6, [0], "aa7b6a0c45d776ff"), ("Q5_1", 7, [0, 2], "50b4c48245aded85"),
    ("Q8_0", 8, [0], "9a4e3c93c5e2d707"), ("Q2_K", 10, [80, 82], "f9346dd376711962"),
    ("Q3_K", 11, [108], "4ac58e066e34a9e3"), ("Q4_K", 12, [0, 2], "7dc55a5262d5bcb6"),
    ("Q5_K", 13, [0, 2], "144d7ec558cf1031"), ("Q6_K", 14, [208], "c13457d95e6dd80e"),
    ("IQ4_NL", 20, [0], "c44c1e0022d1fec7"), ("IQ4_XS", 23, [0], "8c00e867ceb7fc9d"),
    ("MXFP4", 39, [], "6f1b18bc12cbe485"),
  ]) func `a block of ggml has the published digest`(
    _ name: String, _ id: Int, _ halves: [Int], _ digest: String
  ) throws {
    let type = try #require(GGMLType(id: UInt32(id)))
    #expect(type.name == name)
    var block = (0..<type.blockByteCount).map { UInt8((7 * $0 + 3) & 255) }
    for (place, half) in zip(halves, [[0x55, 0x2B], [0xAB, 0x27]] as [[UInt8]]) {
      block.replaceSubrange(place..<place + 2, with: half)
    }
    if halves.isEmpty { block[0] = 0x7B }
    let values = try bench.decode(
      "ggmlBlocks", [1, type.blockElementCount],
      [SampleTensor("codes", .u8, [1, block.count], bytes: block)], ["type": Double(id)])
    #expect(sha(bytes(values)) == digest)
  }

  @Test func `a decoder refuses operands that do not fit`() throws {
    let codes = SampleTensor("codes", .f8E4M3, [1, 3], bytes: [1, 2, 3])
    let numbers = ["blockRows": 1.0, "blockColumns": 3.0]
    func isRefused(_ tensors: [SampleTensor], _ numbers: [String: Double]) throws -> Bool {
      try bench.decoder("scaledCodes", [1, 3], tensors, numbers) == nil
    }
    let scale = SampleTensor("scale", .f32, [1, 1], [1])
    #expect(try !isRefused([codes, scale], numbers))
    #expect(try isRefused([codes, SampleTensor("scale", .f32, [2, 1], [1, 1])], numbers))
    #expect(try isRefused([codes, SampleTensor("scale", .f64, [1, 1], [1])], numbers))
    #expect(try isRefused([codes], numbers))
    #expect(try isRefused([codes, scale], ["blockRows": 0, "blockColumns": 3]))
    #expect(try isRefused([codes, scale], ["blockRows": 0.5, "blockColumns": 3]))
    #expect(try isRefused([codes, scale], [:]))
    #expect(
      try isRefused([SampleTensor("codes", .f8E4M3, [2], bytes: [1, 2]), scale], numbers))
  }

  @Test func `an order that names a group beyond the last is refused`() throws {
    let error = #expect(throws: MergingError.self) {
      try bench.decode(
        "packedRows", [1, 8],
        [
          SampleTensor("codes", .i32, [1, 1]), SampleTensor("scale", .f32, [1, 2], [1, 1]),
          SampleTensor(
            "order", .i32, [8], bytes: (0..<8).flatMap { [UInt8($0 / 2), 0, 0, 0] }),
        ], ["bits": 4, "perWord": 0, "group": 4])
    }
    #expect(error == .unfitRecipe(tensor: "x", .order))
    #expect(
      error?.sentence
        == "the plan of x does not fit: its stored order names a group of scales that it does not have; plan anew with --restart"
    )
  }
}
