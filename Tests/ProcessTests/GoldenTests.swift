// Every case of the fixtures through the real program, compared with what PEFT gives, or the library
// that wrote the adapter.
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct GoldenTests {
  let scratch = Scratch()

  @Test func `the table holds every folder of the fixtures`() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: GoldenCase.root)
    #expect((GoldenCase.all + GoldenCase.quantized).map(\.name).sorted() == folders.sorted())
    #expect(folders.count == 56)
    let families = try FileManager.default.contentsOfDirectory(
      atPath: GoldenCase.fixtures + "/families")
    #expect(GoldenCase.families.map(\.name) == families.sorted())
    let formats = try FileManager.default.contentsOfDirectory(
      atPath: GoldenCase.fixtures + "/formats")
    #expect(Set(GoldenCase.formats.map(\.name)) == Set(formats))
  }

  @Test(
    arguments: GoldenCase.all + GoldenCase.families + GoldenCase.formats + GoldenCase.quantized)
  func `every tensor is what the adapter's own library makes of it`(_ golden: GoldenCase) throws {
    let output = scratch("merged")
    try golden.merge(to: output)
    let found = try GoldenCheckpoint(output)
    let expected = try GoldenCheckpoint(golden.expected)
    #expect(found.tensors.keys.sorted() == expected.tensors.keys.sorted())
    var changedCount = 0
    let base = try GoldenCheckpoint(golden.base)
    for (name, tensor) in expected.tensors {
      let own = try #require(found.tensors[name])
      #expect(own.dtype == tensor.dtype && own.shape == tensor.shape, "\(name)")
      if base.tensors[name] != tensor { changedCount += 1 }
      switch golden.bound {
      case .bytes: #expect(own.bytes == tensor.bytes, "\(name)")
      case .apart(let limit):
        if own.bytes != tensor.bytes {
          #expect(Self.distance(own, tensor) <= limit, "\(name)")
        }
      }
    }
    #expect(changedCount > 0, "the case would pass with a copy of the base")
  }

  @Test(arguments: GoldenCase.all + GoldenCase.quantized)
  func `one process, one worker, two and four write the same bytes`(_ golden: GoldenCase) throws {
    let total = try GoldenFolder(golden.base).files.values.reduce(0) { $0 + $1.count }
    let quarter = "\(total / 4)"
    try golden.merge(to: scratch("0"), "--max-shard-size", quarter)
    let alone = try GoldenFolder(scratch("0"))
    #expect(alone.names.contains { $0.hasPrefix("model-00003-of-") }, "too few jobs to hand out")
    for workers in [1, 2, 4] {
      let output = scratch("\(workers)")
      try golden.merge(to: output, "--max-shard-size", quarter, workers: workers)
      #expect(try GoldenFolder(output).differences(alone) == [], "\(workers) workers")
    }
  }

  /// The farthest apart two elements are, as a share of the largest absolute value expected.
  private static func distance(_ found: GoldenTensor, _ expected: GoldenTensor) -> Float {
    let (a, b) = (found.floats, expected.floats)
    let largest = b.lazy.map(\.magnitude).max() ?? 0
    return zip(a, b).lazy.map { ($0 - $1).magnitude }.max().map { $0 / largest } ?? .nan
  }
}
