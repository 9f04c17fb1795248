// The program against a second computation of the same formula.
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct GoldenReferenceTests {
  let scratch = Scratch()

  /// Cases whose low-rank pairs all mean linear weights of the same name.
  static let halves = [
    "lora-attention-only", "lora-bf16", "lora-bf16-adapter-bf16", "lora-f16", "lora-r1", "lora-r64",
    "lora-rank-not-multiple", "lora-some-layers", "modules-to-save", "qwen3moe-attention",
    "rank-alpha-pattern", "rslora", "rslora-rank-pattern", "tied-embedding", "two-adapters",
  ]
  static let floats = ["bert-cls", "lora-f32", "t5"]

  @Test(arguments: halves + floats)
  func `the bytes are those of the contract's order in Float32`(_ name: String) throws {
    let golden = GoldenCase(name)
    try golden.merge(to: scratch("merged"))
    let found = try GoldenCheckpoint(scratch("merged"))
    let base = try GoldenCheckpoint(golden.base)
    let adapters = try golden.adapters.map { try ReferenceAdapter($0) }
    let weights = Set(adapters.flatMap(\.pairs.keys))
    #expect(weights.count >= 8)
    for weight in weights {
      let pairs = adapters.compactMap { $0.pairs[weight].map { (pair: $0, strength: 1.0) } }
      let expected = GoldenReference.float32(try #require(base.tensors[weight]), pairs)
      #expect(found.tensors[weight]?.bytes == expected, "\(weight)")
    }
  }

  @Test func `in Float64 every element in 16 bits is that of Float64, rounded once`() throws {
    for name in Self.halves {
      let golden = GoldenCase(name)
      try golden.merge(to: scratch(name), "--accumulate", "f64")
      try eachAdapted(golden, in: scratch(name)) { weight, own, expected in
        #expect(own == expected, "\(name) \(weight)")
      }
    }
  }

  @Test func `9999 of 10000 elements in 16 bits are those of Float64, rounded once`() throws {
    var (elementCount, equalCount) = (0, 0)
    for name in Self.halves {
      let golden = GoldenCase(name)
      try golden.merge(to: scratch(name))
      try eachAdapted(golden, in: scratch(name)) { _, found, expected in
        let own = try #require(found)
        for start in stride(from: 0, to: expected.count, by: 2) {
          elementCount += 1
          if own[start] == expected[start] && own[start + 1] == expected[start + 1] {
            equalCount += 1
          }
        }
      }
    }
    #expect(elementCount > 500_000)
    #expect(elementCount - equalCount <= elementCount / 10_000)  // 22 of 594432, as measured
  }

  /// Hands over each adapted weight of a merged case: its bytes, and those of Float64 rounded once.
  private func eachAdapted(
    _ golden: GoldenCase, in merged: String, _ body: (String, [UInt8]?, [UInt8]) throws -> Void
  ) throws {
    let found = try GoldenCheckpoint(merged)
    let base = try GoldenCheckpoint(golden.base)
    let adapters = try golden.adapters.map { try ReferenceAdapter($0) }
    for weight in Set(adapters.flatMap(\.pairs.keys)) {
      let expected = GoldenReference.float64(
        try #require(base.tensors[weight]), adapters.compactMap { $0.pairs[weight] })
      try body(weight, found.tensors[weight]?.bytes, expected)
    }
  }
}
