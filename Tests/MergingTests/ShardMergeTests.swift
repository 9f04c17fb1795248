import Glibc
import Merging
import Planning
import Safetensors
import Storage
import Testing

@Suite struct ShardMergeTests {
  @Test func `progress grows to the bytes of all tensors on the caller's thread`() throws {
    let fixture = try Fixture()
    fixture.tensor([2000])
    let window = Window.whole(70, 90)
    fixture.tensor([70, 90], [fixture.update(window, .lowRank(fixture.lowRank(window, rank: 3)))])
    fixture.tensor([0])
    let slice = try fixture.slice()
    for budget in Budgets.all {
      var steps: [Int64] = []
      var isOnThread = true
      let thread = pthread_self()
      _ = try ShardMerge(slice: slice, budget: budget).run(to: fixture.output) { byteCount in
        steps.append(byteCount)
        isOnThread = isOnThread && pthread_equal(pthread_self(), thread) != 0
        return true
      }
      #expect(steps == steps.sorted())
      #expect(steps.last == Int64(2 * (2000 + 70 * 90)))
      #expect(isOnThread)
      try Folder.removeTree(fixture.output)
    }
  }

  @Test func `a SHA-256 of the shard is taken where the options ask for it`() throws {
    let fixture = try Fixture()
    fixture.tensor([30, 20], as: .f32)
    fixture.options.digest = "sha256"
    let merged = try ShardMerge(slice: fixture.slice(), threads: 2, memoryByteCount: 256_000_000)
      .run(to: fixture.output) { _ in true }
    let bytes = try WholeFile.read(fixture.output)
    var digester = Digester(.sha256)
    unsafe digester.update(bytes.span.bytes)
    let expected = digester.finish()
    #expect(merged.digest == expected)
    #expect(merged.tensors[0].output.hasPrefix("xxh3:"))
    let back = try ReadBack.run(
      fixture.output, algorithm: .sha256, fromDevice: true, progress: { _ in true })
    #expect(back.digest == merged.digest)
    #expect(back.byteCount == merged.byteCount)
  }

  @Test func `a recipe's digests are made again without writing`() throws {
    let fixture = try Fixture()
    let window = Window.whole(30, 40)
    fixture.tensor([77])
    fixture.tensor([30, 40], [fixture.update(window, .lowRank(fixture.lowRank(window, rank: 3)))])
    let merge = ShardMerge(slice: try fixture.slice(), budget: Budgets.small)
    let merged = try merge.run(to: fixture.output) { _ in true }
    try Folder.removeTree(fixture.output)
    for index in 0..<2 { #expect(try merge.digest(ofRecipe: index) == merged.tensors[index]) }
    #expect(try Folder.list(fixture.folder) == ["0.bin", "1.bin"])
  }

  @Test func `a read-back sees the file as it is and can be stopped`() throws {
    let fixture = try Fixture()
    let path = fixture.folder + "/file"
    let bytes = (0..<9_000_000).map { UInt8(truncatingIfNeeded: $0 * 31) }
    try WholeFile.write(bytes, to: path)
    var steps: [Int64] = []
    let back = try ReadBack.run(path, algorithm: .xxh3, fromDevice: false) {
      steps.append($0)
      return true
    }
    #expect(back.digest == .xxh3(bytes))
    #expect(back.byteCount == 9_000_000)
    #expect(steps == [4 << 20, 8 << 20, 9_000_000])
    #expect(throws: MergingError.stopped(path: path)) {
      try ReadBack.run(path, algorithm: .xxh3, fromDevice: false) { _ in false }
    }
    try WholeFile.write([], to: path)
    let empty = try ReadBack.run(path, algorithm: .xxh3, fromDevice: true) { _ in true }
    #expect(empty.digest == .xxh3([]))
    #expect(throws: MergingError.storage(.refused(.open, path: path + "x", errno: ENOENT))) {
      try ReadBack.run(path + "x", algorithm: .xxh3, fromDevice: false) { _ in true }
    }
  }
}
