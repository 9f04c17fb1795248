// Every small quantised base of Tests/Fixtures/quantised, dequantised whole: each weight is bit for
// bit what the format's own library makes of it.
import Adapters
import Checkpoints
import Foundation
import Merging
import OrderedJSON
import Planning
import Safetensors
import Storage
import TestSupport
import Testing

struct DequantizingTests {
  let scratch = Scratch()

  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures/quantised").path()

  static let names = ((try? FileManager.default.contentsOfDirectory(atPath: fixtures)) ?? [])
    .sorted()

  /// A tensor with its bytes.
  private struct Plain: Equatable {
    var dtype: DType
    var shape: [Int]
    var bytes: [UInt8]
  }

  private func tensors(_ path: String) throws -> [String: Plain] {
    let header = try ShardHeader.read(path)
    let file = try File.open(path)
    var tensors: [String: Plain] = [:]
    for entry in header.tensors {
      tensors[entry.name] = Plain(
        dtype: entry.dtype, shape: entry.shape,
        bytes: try file.read(
          count: Int(entry.byteCount),
          at: header.headerByteCount + entry.byteRange.lowerBound))
    }
    return tensors
  }

  private func merge(
    _ checkpoint: Checkpoint, _ adapters: [Adapter], _ options: MergeOptions,
    _ budget: TileBudget
  ) throws -> [String: Plain] {
    let plan = try Planner.plan(
      checkpoint, adapters: adapters.map { ($0, 1) }, options: options)
    let encoded = PlanCodec.encode(plan)
    #expect(try PlanCodec.decode(encoded.bytes) == plan)
    var all: [String: Plain] = [:]
    for job in plan.jobs {
      let path = scratch("\(UUID())")
      _ = try ShardMerge(slice: encoded.slice(job.id), budget: budget).run(to: path) { _ in true }
      all.merge(try tensors(path)) { first, _ in first }
    }
    return all
  }

  @Test func `there is a fixture of every format`() { #expect(Self.names.count == 35) }

  @Test(arguments: names)
  func `a base is dequantised to the values of its own library`(_ name: String) throws {
    let folder = Self.fixtures + "/" + name
    let checkpoint = try Checkpoint.open(folder + "/base")
    try #require(checkpoint.quantized.refusal == nil, "\(checkpoint.quantized.refusal!.sentence)")
    let expected = try tensors(folder + "/expected/model.safetensors")
    // A usual budget, and one in which tiles are parts of rows.
    var small = TileBudget(memoryByteCount: 0, threads: 3)
    small.tileByteCount = 512
    small.blockByteCount = 512
    var options = MergeOptions()
    options.dequantize = .all
    for budget in [TileBudget(threads: 1), small] {
      let found = try merge(checkpoint, [], options, budget)
      #expect(found.keys.sorted() == expected.keys.sorted())
      for (name, tensor) in expected {
        let own = try #require(found[name])
        #expect(own.dtype == tensor.dtype && own.shape == tensor.shape, "\(name)")
        #expect(own.bytes == tensor.bytes, "\(name): \(differences(own, tensor))")
      }
    }
  }

  /// A checkpoint that is stored plain, with the values that the library gives.
  private func plain(_ name: String) throws -> Checkpoint {
    let folder = Self.fixtures + "/" + name + "/"
    try FileManager.default.createDirectory(
      atPath: scratch("plain"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: folder + "expected/model.safetensors", toPath: scratch("plain/model.safetensors"))
    let config = try JSON(
      parsing: Array(Data(contentsOf: URL(filePath: folder + "base/config.json"))))
    var bare = config
    (bare["quantization_config"], bare["quantization"]) = (nil, nil)
    try scratch.write("plain/config.json", bare.indented)
    return try Checkpoint.open(scratch("plain"))
  }

  /// A pair for every quantised matrix.
  private func adapter(of checkpoint: Checkpoint, _ dora: Bool) throws -> Adapter {
    var generator = SeededGenerator(seed: 7)
    var tensors: [SampleTensor] = []
    let isGPT2 = checkpoint.config?["model_type"]?.text == "gpt2"
    for weight in checkpoint.quantized.weights where weight.shape.count == 2 {
      let (rows, columns) =
        isGPT2 ? (weight.shape[1], weight.shape[0]) : (weight.shape[0], weight.shape[1])
      let module = "base_model.model." + weight.module
      tensors += [
        SampleTensor(module + ".lora_A.weight", .f32, [3, columns], from: &generator),
        SampleTensor(module + ".lora_B.weight", .f32, [rows, 3], from: &generator),
      ]
      if dora {
        tensors.append(
          SampleTensor(
            module + ".lora_magnitude_vector.weight", .f32, [rows], from: &generator, size: 1))
      }
    }
    try scratch.write("adapter/adapter_model.safetensors", tensors)
    try scratch.write(
      "adapter/adapter_config.json",
      #"{"peft_type": "LORA", "r": 3, "lora_alpha": 6, "use_dora": \#(dora)}"#)
    return try Adapter.open(scratch("adapter"))
  }

  @Test(arguments: names, [false, true])
  func `a merge is the merge into the base that was dequantised before`(
    _ name: String, _ dora: Bool
  ) throws {
    let quantized = try Checkpoint.open(Self.fixtures + "/" + name + "/base")
    guard quantized.quantized.weights.contains(where: { $0.shape.count == 2 }) else { return }
    let adapter = try adapter(of: quantized, dora)
    var small = TileBudget(memoryByteCount: 0, threads: 2)
    small.tileByteCount = 1024
    small.blockByteCount = 1024
    var options = MergeOptions()
    options.nonFinite = .keep
    let expected = try merge(plain(name), [adapter], options, TileBudget(threads: 1))
    for budget in [TileBudget(threads: 2), small] {
      let found = try merge(quantized, [adapter], options, budget)
      #expect(found.keys.sorted() == expected.keys.sorted())
      for (name, tensor) in expected {
        let own = try #require(found[name])
        #expect(own == tensor, "\(name): \(differences(own, tensor))")
      }
    }
  }

  @Test func `stacked experts in MXFP4 are merged as the plain ones are`() throws {
    let base = Self.fixtures + "/mxfp4-experts/base"
    var generator = SeededGenerator(seed: 3)
    let path = "base_model.model.model.layers.0.mlp.experts."
    try scratch.write(
      "adapter/adapter_model.safetensors",
      [
        SampleTensor(path + "lora_A.weight", .f32, [6, 64], from: &generator),
        SampleTensor(path + "lora_B.weight", .f32, [20, 6], from: &generator),
      ])
    try scratch.write(
      "adapter/adapter_config.json",
      #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_parameters": ["mlp.experts.gate_up_proj"]}"#
    )
    let adapter = try Adapter.open(scratch("adapter"))
    let expected = try merge(
      plain("mxfp4-experts"), [adapter], MergeOptions(), TileBudget(threads: 1))
    let found = try merge(
      try Checkpoint.open(base), [adapter], MergeOptions(), TileBudget(threads: 2))
    let untouched = try tensors(Self.fixtures + "/mxfp4-experts/expected/model.safetensors")
    #expect(found == expected)
    let name = "model.layers.0.mlp.experts.gate_up_proj"
    #expect(found[name] != untouched[name])
  }

  private func differences(_ found: Plain, _ expected: Plain) -> String {
    let size = expected.dtype.byteCount
    guard found.bytes.count == expected.bytes.count else { return "\(found.bytes.count) bytes" }
    let places = stride(from: 0, to: expected.bytes.count, by: size).filter {
      found.bytes[$0..<$0 + size] != expected.bytes[$0..<$0 + size]
    }
    let first = places.first ?? 0
    return "\(places.count) of \(expected.bytes.count / size) elements, the first at "
      + "\(first / size): \(found.bytes[first..<first + size]) and "
      + "\(expected.bytes[first..<first + size])"
  }
}
