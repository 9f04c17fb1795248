// Files that are written in blocks past the page cache.
import Dispatch
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Merging

/// What a stream wrote, and what it is to answer.
private final class Device: Sendable {
  struct State {
    var blocks: [Int64: [UInt8]] = [:]
    var failsAt: Int64?
  }
  let state = Mutex(State())

  init(failsAt: Int64? = nil) { state.withLock { $0.failsAt = failsAt } }

  func write(_ bytes: RawSpan, _ offset: Int64) throws(StorageError) {
    let copy = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
    let fails = state.withLock { state in
      if state.failsAt == offset { return true }
      state.blocks[offset] = copy
      return false
    }
    if fails { throw .noSpace(path: "shard", neededByteCount: offset) }
  }

  /// All bytes in order.
  var bytes: [UInt8] {
    state.withLock { state in state.blocks.sorted { $0.key < $1.key }.flatMap(\.value) }
  }
}

@Suite struct BlockStreamTests {
  private static let size = 1 << 20

  private func stream(_ device: Device, blockCount: Int = 4) -> BlockStream {
    BlockStream(blockCount: blockCount) { bytes, offset throws(StorageError) in
      try device.write(bytes, offset)
    }
  }

  private func bytes(_ count: Int, seed: UInt64 = 5) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
  }

  private func append(_ part: ArraySlice<UInt8>, to stream: BlockStream) throws {
    try unsafe part.withUnsafeBytes { raw in
      try unsafe stream.append(RawSpan(_unsafeBytes: raw), at: Int64(part.startIndex))
    }
  }

  @Test(arguments: [0, 1, 4096, 3_000_000])
  func `whole blocks go by themselves, the rest at the end`(count: Int) throws {
    let (device, all) = (Device(), bytes(count))
    let stream = stream(device)
    for start in stride(from: 0, to: count, by: 777_777) {
      try append(all[start..<min(count, start + 777_777)], to: stream)
    }
    var rest = 0
    try stream.finish { bytes, offset throws(StorageError) in
      rest = bytes.byteCount
      try device.write(bytes, offset)
    }
    #expect(device.bytes == all && rest == count % Self.size)
  }

  @Test(arguments: [2, 4, 7])
  func `threads that come out of order fill the same file`(threads: Int) throws {
    let (device, all) = (Device(), bytes(9_500_001))
    let stream = stream(device, blockCount: threads + 3)
    let parts = stride(from: 0, to: all.count, by: 300_007).map {
      all[$0..<min(all.count, $0 + 300_007)]
    }
    // Each thread takes the next part, as those that merge take tiles; some are slow.
    let next = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      while true {
        let part = next.withLock { next in
          next += 1
          return next - 1
        }
        guard part < parts.count else { return }
        if (part + thread) % 3 == 0 { Host.kernel.pause(milliseconds: 2) }
        #expect(throws: Never.self) { try self.append(parts[part], to: stream) }
      }
    }
    try stream.finish { bytes, offset throws(StorageError) in try device.write(bytes, offset) }
    #expect(device.bytes == all)
  }

  @Test func `a failed block is told by what follows, and nothing is written after it`() throws {
    let (device, all) = (Device(failsAt: 1 << 20), bytes(8 << 20))
    let stream = stream(device)
    let error = #expect(throws: StorageError.self) {
      for start in stride(from: 0, to: all.count, by: 1 << 18) {
        try append(all[start..<start + 1 << 18], to: stream)
      }
      try stream.finish { _, _ in }
    }
    #expect(error == .noSpace(path: "shard", neededByteCount: 1 << 20))
    #expect(device.state.withLock { $0.blocks.keys.sorted() } == [0])
  }
}
