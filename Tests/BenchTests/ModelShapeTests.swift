// The checkpoints that races are run on.
import Safetensors
import Testing

@testable import shardweld_bench

struct ModelShapeTests {
  /// M and L have the published sizes of TinyLlama-1.1B and Llama-3.2-3B.
  @Test(arguments: [("S", 245_924_864), ("M", 1_100_048_384), ("L", 3_212_749_824)])
  func `a size has so many parameters`(_ name: String, _ count: Int) throws {
    let shape = try #require(ModelShape.named[name])
    #expect(shape.base.reduce(0) { $0 + $1.shape.reduce(1, *) } == count)
    #expect(shape.shards.joined().count == shape.base.count)
    #expect(shape.ranks == [16, 64, 256])
  }

  @Test func `adapters are of f32 and on all seven projections of each layer`() throws {
    let shape = try #require(ModelShape.named["S"])
    let tensors = shape.adapter(rank: 64)
    #expect(tensors.count == 16 * 7 * 2)
    #expect(tensors.allSatisfy { $0.dtype == .f32 && $0.shape.contains(64) })
  }
}
