// Decoders against values that were computed apart from any of this: tables of every code, and small
// weights whose bytes follow from a formula.
import Kernels
import Planning
import Safetensors
import Storage
import TestSupport
import Testing

@testable import Merging

struct QuantizedVectorTests {
  let scratch = Scratch()

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

  /// A decoder of stored tensors with its reader; nil where they do not fit.
  private func decoder(
    _ form: String, _ shape: [Int], _ tensors: [SampleTensor], _ numbers: [String: Double] = [:]
  ) throws -> (any Decoder, OperandReader)? {
    let path = scratch("\(form).safetensors")
    try scratch.write("\(form).safetensors", tensors)
    let header = try ShardHeader.read(path)
    let operands = header.tensors.map { entry in
      Operand(
        role: entry.name,
        tensor: TensorBytes(
          file: 0, offset: header.headerByteCount + entry.byteRange.lowerBound, dtype: entry.dtype,
          elementCount: entry.shape.reduce(1, *)), shape: entry.shape)
    }
    let decoding = Decoding(
      form: form, title: form, dtype: .f32, operands: operands,
      numbers: numbers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, isTransposed: false)
    let recipe = TensorRecipe(
      name: "x", dtype: .f32, shape: shape, columns: shape[1], offset: 0,
      source: operands[0].tensor, decoding: decoding, updates: [])
    let inputs = try InputFiles([
      InputFile(
        role: .base, path: path, name: "x", byteCount: header.fileByteCount,
        modified: header.modified, headerDigest: header.digest.description)
    ])
    let context = MergeContext(
      inputs: inputs, kernels: KernelTable(.plain), budget: TileBudget(threads: 1),
      keepsNonFinite: false)
    let stored = try #require(StoredWeight(recipe, decoding))
    return Decoders.all[form]?.init(stored).map { ($0, OperandReader(context: context)) }
  }

  /// What a decoder makes of stored tensors.
  private func decode(
    _ form: String, _ shape: [Int], _ tensors: [SampleTensor], _ numbers: [String: Double] = [:]
  ) throws -> [Float] {
    let (decoder, reader) = try #require(try decoder(form, shape, tensors, numbers))
    var values = [Float](repeating: 0, count: shape.reduce(1, *))
    try decoder.decode(
      Window(rows: 0..<shape[0], columns: 0..<shape[1]), reader, to: &values)
    return values
  }

  private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8((29 * $0 + 5) & 255) } }

  private func nested(isFloat: Bool) throws -> [Float] {
    try decode(
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
    let values = try decode(
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
    let values = try decode(
      "scaledCodes", [1, 3],
      [
        SampleTensor("codes", .f8E4M3, [1, 3], bytes: [0x31, 0xC7, 0x7E]),
        SampleTensor("scale", .f32, [1, 1], [Double(Float(0.00021457672))]),
      ], ["blockRows": 128, "blockColumns": 128])
    #expect(values.map(\.bitPattern) == [0x38FD_2000, 0xBA52_F000, 0x3DC4_E000])
    #expect(values.map { DType.bf16.rounded($0).bitPattern >> 16 } == [0x38FD, 0xBA53, 0x3DC5])
  }

  @Test func `MXFP4 has the published digest`() throws {
    let values = try decode(
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
    let values = try decode(
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

  @Test func `a decoder refuses operands that do not fit`() throws {
    let codes = SampleTensor("codes", .f8E4M3, [1, 3], bytes: [1, 2, 3])
    let numbers = ["blockRows": 1.0, "blockColumns": 3.0]
    func isRefused(_ tensors: [SampleTensor], _ numbers: [String: Double]) throws -> Bool {
      try decoder("scaledCodes", [1, 3], tensors, numbers) == nil
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
      try decode(
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
