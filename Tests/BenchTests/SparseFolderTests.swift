// The sparse checkpoint that planning is timed with: what it has at full size, by arithmetic, and
// that a small one is what the tool takes it for.
import Adapters
import Checkpoints
import Glibc
import Planning
import Safetensors
import TestSupport
import Testing

@testable import shardweld_bench

struct SparseFolderTests {
  private let scratch = Scratch()
  private static let small = MixtureShape(
    hidden: 64, layers: 3, experts: 4, intermediate: 32, heads: 4, keyValueHeads: 2, headWidth: 16,
    vocabulary: 100, layerEmbeddings: 96, shardByteCount: 40_000)

  private func byteCount(_ tensor: ModelShape.Tensor) -> Int {
    tensor.shape.reduce(tensor.dtype.byteCount, *)
  }

  @Test func `the full size is the one that is planned for`() {
    let shape = MixtureShape.trillion
    let base = shape.base
    #expect(base.count == 208_174)
    #expect(ModelShape.cut(base, shardByteCount: shape.shardByteCount).count == 200)
    let sizes = base.map(byteCount)
    #expect(sizes.reduce(0, +) > 1_990_000_000_000)
    #expect(sizes.max() == 21_474_836_480)
    #expect(sizes.max()! / 2 > 1 << 32)
  }

  @Test(arguments: [(MixtureShape.Targets.some, 25), (.all, 49)])
  func `a small one is planned whole`(targets: MixtureShape.Targets, changed: Int) throws {
    let shape = Self.small
    try ModelFolder.makeBase(
      ModelShape.cut(shape.base, shardByteCount: shape.shardByteCount), config: shape.config,
      in: scratch("base"), SparseFolder.write)
    try ModelFolder.makeAdapter(
      shape.adapter(rank: 2, targets), config: shape.adapterConfig(rank: 2), in: scratch("adapter"),
      SparseFolder.write)
    let base = try Checkpoint.open(scratch("base"))
    #expect(base.tensors.map(\.name) == shape.base.map(\.name))
    #expect(base.shards.count > 5)
    let plan = try Planner.plan(
      base, adapters: [(try Adapter.open(scratch("adapter")), 1)], options: MergeOptions())
    let summary = PlanSummary(plan)
    #expect(summary.tensorCount == shape.base.count)
    #expect(summary.changedCount == changed)
    #expect(plan.setAside.isEmpty)
  }

  @Test func `a file has its size and takes no room`() throws {
    try ModelFolder.makeBase(
      [[("w", .bf16, [1 << 20, 1 << 12])]], config: Self.small.config, in: scratch("base"),
      SparseFolder.write)
    var status = stat()
    try #require(
      unsafe stat(scratch("base/model-00001-of-00001.safetensors"), &status) == 0)
    #expect(status.st_size > 1 << 33)
    #expect(status.st_blocks * 512 < 1 << 20)
  }
}
