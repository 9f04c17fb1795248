// Weights that are not finite: the merge makes none unasked, keeps those of the base, and writes one
// kind of NaN.
import Foundation
import Safetensors
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct GoldenNonFiniteTests {
  let scratch = Scratch()

  private let name = "model.layers.0.self_attn.q_proj.weight"

  /// One F16 weight of 4 × 2 and another that is copied, with these bits; the adapter adds 32 to
  /// every element of row 2.
  private func write(_ weight: [UInt16], copy: [UInt16] = Array(repeating: 0, count: 8)) throws {
    func bytes(_ bits: [UInt16]) -> [UInt8] { bits.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] } }
    try scratch.write(
      "base/model.safetensors",
      [
        SampleTensor(name, .f16, [4, 2], bytes: bytes(weight)),
        SampleTensor("model.norm.weight", .f16, [4, 2], bytes: bytes(copy)),
      ])
    try scratch.write("base/config.json", #"{"model_type": "llama"}"#)
    let module = "base_model.model." + name.dropLast(".weight".count)
    try scratch.write(
      "adapter/adapter_model.safetensors",
      [
        SampleTensor(module + ".lora_A.weight", .f32, [1, 2], [1, 1]),
        SampleTensor(module + ".lora_B.weight", .f32, [4, 1], [0, 0, 32, 0]),
      ])
    try scratch.write("adapter/adapter_config.json", GoldenModel.adapterConfig(rank: 1, alpha: 1))
  }

  private func merge(_ words: [String]) throws -> Command.Outcome {
    try Command.run(
      [
        "merge", "--base", scratch("base"), "--adapter", scratch("adapter"), "--output",
        scratch("out"), "--progress", "none",
      ] + words)
  }

  private static let largest: UInt16 = 0x7BFF  // 65504
  private static let infinity: UInt16 = 0x7C00

  @Test(arguments: ["0", "2"])
  func `a weight that would overflow stops the merge and is named`(_ workers: String) throws {
    try write([0, 0, 0, 0, 0, Self.largest, 0, 0])
    let run = try merge(["--workers", workers])
    #expect(run.exitCode == 1, "\(run)")
    let sentence = run.errorLines.last { $0.hasPrefix("shardweld: ") } ?? ""
    for text in [name, "row 2, column 1", "F16", "--nonfinite keep"] {
      #expect(sentence.contains(text), "\(run)")
    }
    #expect(!FileManager.default.fileExists(atPath: scratch("out")))
  }

  @Test(arguments: ["0", "2"])
  func `such a weight is written where that is asked for`(_ workers: String) throws {
    try write([0, 0, 0, 0, 0, Self.largest, 0, 0])
    let run = try merge(["--workers", workers, "--nonfinite", "keep"])
    #expect(run.exitCode == 0, "\(run)")
    let merged = try GoldenCheckpoint(scratch("out")).tensors[name]
    #expect(merged?.words(of: 2) == [0, 0, 0, 0, 0x5000, UInt32(Self.infinity), 0, 0])
  }

  @Test func `a weight that was not finite stays so, and a merged NaN is the quiet one`() throws {
    let odd: [UInt16] = [0x7E01, 0xFE55, Self.infinity, 0xFC00, 0x7D01, Self.infinity, 1, 0x8000]
    try write(odd, copy: odd)
    let run = try merge(["--workers", "0"])
    #expect(run.exitCode == 0, "\(run)")
    let merged = try GoldenCheckpoint(scratch("out")).tensors
    #expect(
      merged[name]?.words(of: 2) == [0x7E00, 0x7E00, 0x7C00, 0xFC00, 0x7E00, 0x7C00, 1, 0])
    // What no update touches keeps its bits, whatever they say.
    #expect(merged["model.norm.weight"]?.words(of: 2) == odd.map(UInt32.init))
  }

  @Test func `a conversion that would overflow stops the merge too`() throws {
    try scratch.write(
      "base/model.safetensors",
      [
        SampleTensor(name, .f32, [4, 2], [0, 0, 0, 0, 0, 0, 0, 0]),
        SampleTensor("model.norm.weight", .f32, [2], [1, 70000]),
      ])
    let base = try scratch.read("base/model.safetensors")
    try write(Array(repeating: 0, count: 8))
    try scratch.write("base/model.safetensors", base)
    let run = try merge(["--workers", "0", "--dtype", "f16"])
    #expect(run.exitCode == 1, "\(run)")
    #expect(run.errors.contains("model.norm.weight"), "\(run)")
  }
}
