// Every small quantised base of Tests/Fixtures/quantised, dequantised whole: each weight is bit for
// bit what the format's own library makes of it.
import Adapters
import Checkpoints
import Foundation
import Merging
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

  private func dequantize(
    _ checkpoint: Checkpoint, _ budget: TileBudget
  ) throws -> [String: Plain] {
    var options = MergeOptions()
    options.dequantize = .all
    let plan = try Planner.plan(checkpoint, adapters: [], options: options)
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

  @Test func `there is a fixture of every format`() { #expect(Self.names.count == 32) }

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
    for budget in [TileBudget(threads: 1), small] {
      let found = try dequantize(checkpoint, budget)
      #expect(found.keys.sorted() == expected.keys.sorted())
      for (name, tensor) in expected {
        let own = try #require(found[name])
        #expect(own.dtype == tensor.dtype && own.shape == tensor.shape, "\(name)")
        #expect(own.bytes == tensor.bytes, "\(name): \(differences(own, tensor))")
      }
    }
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
