import Glibc
import Planning
import Storage
import TestSupport
import Testing

@testable import Merging

/// A shard's early way to the device.
@Suite struct WriteBackTests {
  /// A copy and a merged tensor, some ten windows of 4096 bytes.
  private func fixture() throws -> Fixture {
    let fixture = try Fixture()
    let window = Window.whole(50, 200)
    fixture.tensor([10_000])
    fixture.tensor(
      [50, 200], [fixture.update(window, .lowRank(fixture.lowRank(window, rank: 3)))])
    return fixture
  }

  private func merge(
    _ slice: JobSlice, to output: String, threads: Int, _ kernel: WriteBackKernel,
    traffic: Traffic? = nil, progress: (Int64) -> Bool = { _ in true }
  ) throws -> MergedShard {
    let budget = Budgets.with(Budgets.small, threads: threads)
    return try Host.$kernel.withValue(kernel) {
      try ShardMerge(slice: slice, budget: budget, windowByteCount: 4096, traffic: traffic)
        .run(to: output, progress: progress)
    }
  }

  @Test func `each window is started once it is full, and the one before waited for`() throws {
    let fixture = try fixture()
    let kernel = WriteBackKernel()
    let merged = try merge(try fixture.slice(), to: fixture.output, threads: 1, kernel)
    let windows = (merged.byteCount - Int64(fixture.expectedHeader.count)) / 4096
    #expect(windows == 9)
    var expected: [WriteBackKernel.Call] = []
    for window in 0..<windows {
      let start = window * 4096
      expected.append(.init(range: start..<start + 4096, waits: false))
      if window > 0 { expected.append(.init(range: start - 4096..<start, waits: true)) }
    }
    #expect(kernel.writeBacks == expected)
  }

  @Test(arguments: [1, 2, 4])
  func `any number of threads leaves two windows at most, and the same bytes`(threads: Int) throws {
    let fixture = try fixture()
    try fixture.expectReference()
    let plain = try merge(
      try fixture.slice(), to: fixture.output, threads: 1, WriteBackKernel { _ in -ENOSYS })
    let bytes = try WholeFile.read(fixture.output)
    for _ in 0..<20 {
      try Folder.removeTree(fixture.output)
      let kernel = WriteBackKernel()
      let merged = try merge(try fixture.slice(), to: fixture.output, threads: threads, kernel)
      #expect(merged == plain)
      #expect(try WholeFile.read(fixture.output) == bytes)
      let started = kernel.writeBacks.filter { !$0.waits }.map(\.range)
      let awaited = Set(kernel.writeBacks.filter(\.waits).map(\.range))
      let end = started.map(\.upperBound).max() ?? 0
      #expect(started.reduce(0) { $0 + $1.upperBound - $1.lowerBound } == end)
      for start in stride(from: 0, to: end - 4096, by: 4096) {
        #expect(awaited.contains(start..<start + 4096), "\(start)")
      }
      #expect(plain.byteCount - end < 4096 + Int64(fixture.expectedHeader.count))
    }
  }

  @Test(arguments: [1, 3], [true, false])
  func `a write-back that fails is the end of the attempt`(threads: Int, waits: Bool) throws {
    let fixture = try fixture()
    let slice = try fixture.slice()
    let output = fixture.output
    for (code, expected) in [
      (EIO, StorageError.refused(.writeBack, path: output, errno: EIO)),
      (ENOSPC, .noSpace(path: output, neededByteCount: 4096)),
    ] {
      let kernel = WriteBackKernel { $0.waits == waits && $0.range.lowerBound == 8192 ? -code : 0 }
      let error = #expect(throws: MergingError.storage(expected)) {
        try merge(slice, to: output, threads: threads, kernel)
      }
      #expect(error?.noSpace == (code == ENOSPC) && error?.isFinal == false)
      #expect(try FileStatus.of(output) == nil)
    }
  }

  @Test func `progress is told while the disk is waited for, and may say stop`() throws {
    let fixture = try fixture()
    let slice = try fixture.slice()
    let output = fixture.output
    let kernel = WriteBackKernel()
    var told: [Int] = []
    #expect(throws: MergingError.stopped(path: output)) {
      try merge(slice, to: output, threads: 1, kernel) { _ in
        told.append(kernel.writeBacks.count)
        return !kernel.writeBacks.contains(where: \.waits)
      }
    }
    // The second window is on its way; the word after its start is told, and the one after the wait.
    #expect(told.suffix(2) == [2, 3])
    #expect(try FileStatus.of(output) == nil)
  }

  @Test(arguments: [1, 3]) func `a rate changes no byte, and all wait for it`(threads: Int) throws {
    let fixture = try fixture()
    let slice = try fixture.slice()
    let plain = try merge(slice, to: fixture.output, threads: threads, WriteBackKernel())
    let bytes = try WholeFile.read(fixture.output)
    try Folder.removeTree(fixture.output)
    let (traffic, kernel) = (Traffic(bytesPerSecond: 10_000), WriteBackKernel())
    let slow = try merge(slice, to: fixture.output, threads: threads, kernel, traffic: traffic)
    #expect(slow == plain)
    #expect(try WholeFile.read(fixture.output) == bytes)
    // The base and the factors in, some of them more than once, and the shard out.
    let base: Int64 = 2 * 20_000
    let factors: Int64 = 4 * 3 * 250
    #expect(traffic.byteCount >= base + factors + plain.byteCount)
    let before = traffic.byteCount
    let back = try Host.$kernel.withValue(kernel) {
      try ReadBack.run(
        fixture.output, algorithm: .xxh3, fromDevice: true, traffic: traffic
      ) { _ in true }
    }
    #expect(back.digest == plain.digest)
    #expect(traffic.byteCount == before + plain.byteCount)
    // Pauses are told and not made: the last one is for all that moved, at 10 kB/s, but the burst
    // and what time the test itself took.
    #expect((kernel.pauses.max() ?? 0) > 5_000)
  }

  @Test func `windows are counted by bytes, in any pieces`() {
    let pace = WriteBackPace(windowByteCount: 10)
    #expect(pace.wrote(9) == nil)
    #expect(pace.wrote(1) == 0..<10)
    #expect(pace.awaited == nil)
    #expect(pace.wrote(25) == 10..<30)
    #expect(pace.awaited == 0..<10)
    #expect(pace.wrote(4) == nil)
    pace.arrived(0..<10)
    #expect(pace.awaited == 10..<20)
    pace.arrived(10..<20)
    pace.arrived(0..<10)
    #expect(pace.awaited == nil)
    #expect(pace.wrote(1) == 30..<40)
    #expect(pace.awaited == 20..<30)
  }
}
