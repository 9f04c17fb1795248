// Every small base of Tests/Fixtures/requantised, merged and put back into its own form: each stored
// tensor is byte for byte what PEFT's sum becomes in the quantiser of the format's own library.
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

struct RequantizingTests {
  let scratch = Scratch()

  static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures/requantised").path()

  static let names = ((try? FileManager.default.contentsOfDirectory(atPath: fixtures)) ?? [])
    .sorted()

  /// A tensor with its bytes.
  private struct Stored: Equatable {
    var dtype: DType
    var shape: [Int]
    var bytes: [UInt8]
  }

  private func tensors(_ path: String) throws -> [String: Stored] {
    let header = try ShardHeader.read(path)
    let file = try File.open(path)
    var tensors: [String: Stored] = [:]
    for entry in header.tensors {
      tensors[entry.name] = Stored(
        dtype: entry.dtype, shape: entry.shape,
        bytes: try file.read(
          count: Int(entry.byteCount),
          at: header.headerByteCount + entry.byteRange.lowerBound))
    }
    return tensors
  }

  private func plan(
    _ name: String, strength: Double = 1, _ change: (inout MergeOptions) -> Void = { _ in }
  ) throws -> MergePlan {
    var options = MergeOptions()
    options.requantize = .same
    change(&options)
    return try Planner.plan(
      try Checkpoint.open(Self.fixtures + "/\(name)/base"),
      adapters: [(try Adapter.open(Self.fixtures + "/\(name)/adapter"), strength)],
      options: options)
  }

  private func merge(
    _ plan: MergePlan, _ budget: TileBudget
  ) throws -> (tensors: [String: Stored], updates: [String: UpdateStatistics]) {
    let encoded = PlanCodec.encode(plan)
    #expect(try PlanCodec.decode(encoded.bytes) == plan)
    var all: [String: Stored] = [:]
    var updates: [String: UpdateStatistics] = [:]
    for job in plan.jobs {
      let path = scratch("\(UUID())")
      let shard = try ShardMerge(slice: encoded.slice(job.id), budget: budget).run(to: path) { _ in
        true
      }
      all.merge(try tensors(path)) { first, _ in first }
      for (recipe, digests) in zip(job.recipes, shard.tensors) {
        if let update = digests.update { updates[recipe.name] = update }
      }
    }
    return (all, updates)
  }

  /// A usual budget, and one in which tiles are as small as they can be.
  private static let budgets: [TileBudget] = {
    var small = TileBudget(memoryByteCount: 0, threads: 3)
    small.tileByteCount = 64
    small.blockByteCount = 64
    return [TileBudget(threads: 1), small]
  }()

  @Test func `there is a fixture of every form`() { #expect(Self.names.count == 11) }

  @Test(arguments: names)
  func `a merged weight is quantised to the bytes of its own library`(_ name: String) throws {
    let plan = try plan(name)
    #expect(plan.configChanges.isEmpty)
    let expected = try tensors(Self.fixtures + "/\(name)/expected.safetensors")
    let base = try tensors(Self.fixtures + "/\(name)/base/model.safetensors")
    var seen: [String: UpdateStatistics]?
    for budget in Self.budgets {
      let (found, updates) = try merge(plan, budget)
      #expect(found.keys.sorted() == expected.keys.sorted())
      for (name, tensor) in expected {
        let own = try #require(found[name])
        #expect(own.dtype == tensor.dtype && own.shape == tensor.shape, "\(name)")
        let others = zip(own.bytes, tensor.bytes).count { $0 != $1 }
        #expect(others == 0, "\(name): of \(own.bytes.count) bytes")
      }
      #expect(seen == nil || seen == updates)
      seen = updates
    }
    let isChanged = base != expected
    #expect(isChanged)
    // Codes are measured, scales are not.
    for (name, update) in try #require(seen) {
      #expect(base[name]?.dtype != .f32 && update.moved > 0 && update.lost < 1, "\(name)")
      #expect(update.changed + update.vanished >= update.moved, "\(name) \(update)")
    }
  }
}
