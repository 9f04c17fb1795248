import Checkpoints
import OrderedJSON
import Safetensors
import Storage
import TestSupport
import Testing

@testable import shardweld

struct DiffTests {
  let scratch = Scratch()

  /// Writes each side as one file and compares them.
  private func compare(
    _ a: [SampleTensor], _ b: [SampleTensor]
  ) throws -> CheckpointDifference {
    try scratch.write("a/model.safetensors", a)
    try scratch.write("b/model.safetensors", b)
    return try CheckpointDifference.compare(
      Checkpoint.open(scratch("a")), Checkpoint.open(scratch("b"))
    ) { _, _ in }
  }

  private func changes(_ a: SampleTensor, _ b: SampleTensor) throws -> ValueDifference {
    switch try compare([a], [b]).rows[0].result {
    case .changed(let values), .retyped(_, _, let values): return values
    default: return ValueDifference()
    }
  }

  @Test func `the same bytes are the same`() throws {
    let tensors = [SampleTensor("x", .f32, [2], [1, .nan]), SampleTensor("y", .bf16, [1], [2])]
    let difference = try compare(tensors, tensors.reversed())
    #expect(difference.isSame)
    #expect(difference.text(all: false) == "2 tensors: 2 same\n")
    #expect(
      difference.text(all: true) == """
        tensor  result  differ  max  mean  ulp
        x       same
        y       same

        2 tensors: 2 same

        """)
  }

  @Test func `each way to differ is told`() throws {
    let difference = try compare(
      [
        SampleTensor("same", .f32, [1], [1]), SampleTensor("changed", .f32, [4], [1, 2, 3, 4]),
        SampleTensor("retyped", .f32, [2], [1, 2]), SampleTensor("reshaped", .f32, [2], [1, 2]),
        SampleTensor("gone", .f32, [1], [1]),
      ],
      [
        SampleTensor("new", .f32, [1], [1]), SampleTensor("reshaped", .f16, [1, 2], [1, 2]),
        SampleTensor("retyped", .bf16, [2], [1, 2.5]),
        SampleTensor("changed", .f32, [4], [1, 2, 3, 4.5]),
        SampleTensor("same", .f32, [1], [1]),
      ])
    #expect(!difference.isSame)
    #expect(
      difference.text(all: true) == """
        tensor    result              differ  max   mean      ulp
        same      same
        changed   changed               25 %  0.5  0.125  1048576
        retyped   F32 -> BF16           50 %  0.5   0.25
        reshaped  F32 2 -> F16 1 x 2
        gone      only in A
        new       only in B

        6 tensors: 1 same, 1 changed, 2 of another type or shape, 1 only in A, 1 only in B; \
        largest difference 0.5

        """)
    let json = try JSON(
      parsing: Array(difference.json(first: "A", second: "B", all: false).utf8))
    #expect(json["same"]?.bool == false)
    #expect(json["counts"]?["otherTypeOrShape"]?.int == 2)
    let rows = json["tensors"]?.elements ?? []
    #expect(
      rows.map { $0["result"]?.text } == [
        "changed", "retyped", "reshaped", "onlyInA", "onlyInB",
      ])
    #expect(rows[0]["max"]?.double == 0.5)
    #expect(rows[0]["ulp"]?.int == 1 << 20)
    #expect(rows[1]["ulp"] == .null)
  }

  @Test func `one step of each type is one ulp, also across zero`() throws {
    func step(_ dtype: DType, _ a: [UInt8], _ b: [UInt8]) throws -> UInt64? {
      try changes(
        SampleTensor("x", dtype, [1], bytes: a), SampleTensor("x", dtype, [1], bytes: b)
      ).largestStep
    }
    #expect(try step(.bf16, [0x80, 0x3F], [0x81, 0x3F]) == 1)
    #expect(try step(.bf16, [0x01, 0x00], [0x01, 0x80]) == 2)
    #expect(try step(.f16, [0x00, 0x80], [0x00, 0x00]) == 0)
    #expect(try step(.f64, [0, 0, 0, 0, 0, 0, 0xF0, 0x3F], [1, 0, 0, 0, 0, 0, 0xF0, 0x3F]) == 1)
    #expect(try step(.f8E4M3, [0x38], [0x3A]) == 2)
    #expect(try step(.i8, [0x7F], [0x80]) == 255)
    #expect(
      try step(.i64, [255, 255, 255, 255, 255, 255, 255, 127], [0, 0, 0, 0, 0, 0, 0, 128])
        == UInt64.max)
    #expect(
      try step(.u64, [255, 255, 255, 255, 255, 255, 255, 255], [0, 0, 0, 0, 0, 0, 0, 0])
        == UInt64.max)
  }

  @Test func `what is not finite is counted apart`() throws {
    let values = try changes(
      SampleTensor("x", .f32, [4], [1, .infinity, .nan, 1]),
      SampleTensor("x", .f32, [4], [2, 1, 1, .nan]))
    #expect(values.differingCount == 4)
    #expect(values.notFiniteCount == 3)
    #expect(values.largest == 1)
    #expect(values.mean == 0.25)
    let difference = try compare(
      [SampleTensor("x", .f32, [1], [.infinity])], [SampleTensor("x", .f32, [1], [1])])
    #expect(difference.text(all: false).contains("changed, 1 not finite"))
  }

  @Test func `packed types are compared as bytes`() throws {
    let difference = try compare(
      [SampleTensor("x", .f4, [4], bytes: [1, 2])], [SampleTensor("x", .f4, [4], bytes: [1, 3])])
    #expect(
      difference.text(all: false) == """
        tensor  result   differ  max  mean  ulp
        x       changed

        1 tensor: 1 changed; largest difference 0

        """)
    let json = try JSON(parsing: Array(difference.json(first: "", second: "", all: true).utf8))
    #expect(json["tensors"]?.elements?[0]["differingBytes"]?.int == 1)
  }

  @Test func `values of two types are compared where both are known`() throws {
    let same = try changes(
      SampleTensor("x", .f32, [3], [1, -0.5, .nan]), SampleTensor("x", .bf16, [3], [1, -0.5, .nan]))
    #expect(same.differingCount == 0)
    #expect(same.hasValues)
    let half = try changes(
      SampleTensor("x", .f16, [2], [65504, 0x1p-24]), SampleTensor("x", .f64, [2], [65504, 0]))
    #expect(half.largest == 0x1p-24)
    #expect(half.differingCount == 1)
    #expect(
      !(try changes(
        SampleTensor("x", .f4, [2], bytes: [0]), SampleTensor("x", .f32, [2], [0, 0])
      ).hasValues))
  }

  @Test func `tensors larger than a block are compared to their end`() throws {
    let count = (1 << 18) * 2 + 3
    var values = [Double](repeating: 1, count: count)
    let a = SampleTensor("x", .bf16, [count], values)
    values[1 << 18] = 3
    values[count - 1] = 2
    let difference = try changes(a, SampleTensor("x", .bf16, [count], values))
    #expect(difference.elementCount == count)
    #expect(difference.differingCount == 2)
    #expect(difference.largest == 2)
    #expect(difference.sum == 3)
  }

  @Test func `shards are found wherever they lie`() throws {
    let x = SampleTensor("x", .f32, [2], [1, 2])
    let y = SampleTensor("y", .f32, [1], [3])
    try scratch.write("one/model.safetensors", [x, y])
    try scratch.write("two/model-00001-of-00002.safetensors", [y])
    try scratch.write("two/model-00002-of-00002.safetensors", [x])
    try scratch.write(
      "two/model.safetensors.index.json",
      """
      {"weight_map": {"x": "model-00002-of-00002.safetensors",
                      "y": "model-00001-of-00002.safetensors"}}
      """)
    var read: [Int64] = []
    let difference = try CheckpointDifference.compare(
      Checkpoint.open(scratch("one")), Checkpoint.open(scratch("two"))
    ) { done, total in
      #expect(total == 24)
      read.append(done)
    }
    #expect(difference.isSame)
    #expect(read == [0, 16, 24])
  }

  @Test func `configs that differ are told and do not count`() throws {
    try scratch.write("a/config.json", "{}")
    try scratch.write("b/config.json", #"{"a": 1}"#)
    let difference = try compare([SampleTensor("x", .f32, [1])], [SampleTensor("x", .f32, [1])])
    #expect(difference.isSame)
    #expect(
      difference.text(all: false) == "config.json differs; it does not count\n1 tensor: 1 same\n")
  }

  @Test(
    arguments: [
      (0x00, 0), (0x01, 0x1p-9), (0x08, 0x1p-6), (0x38, 1), (0x7E, 448), (0xC0, -2),
    ] as [(UInt8, Double)])
  func `eight-bit numbers have the values of their standard`(bits: UInt8, value: Double) {
    #expect(F8E4M3Element.value(bits) == value)
    #expect(F8E4M3Element.value(0x7F).isNaN && F8E4M3Element.value(0xFF).isNaN)
    #expect(F8E5M2Element.value(0x3C) == 1 && F8E5M2Element.value(0x7C) == .infinity)
    #expect(F8E8M0Element.value(127) == 1 && F8E8M0Element.value(255).isNaN)
  }

  @Test func `half precision has the values of its standard`() {
    for bits in UInt16.min...UInt16.max {
      let expected = Double(Float16(bitPattern: bits))
      let found = F16Element.value(bits)
      #expect(found == expected || (found.isNaN && expected.isNaN))
    }
  }
}
