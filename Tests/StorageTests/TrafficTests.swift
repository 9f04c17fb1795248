import Storage
import TestSupport
import Testing

struct TrafficTests {
  let scratch = Scratch()
  private let bytes = (0..<10_000_000).map { UInt8(truncatingIfNeeded: $0 / 7) }

  /// Writes and reads the bytes; what comes back.
  private func moved(_ traffic: Traffic, _ kernel: WriteBackKernel) throws -> [UInt8] {
    try Host.$kernel.withValue(kernel) {
      let file = try File.create(scratch("a"), traffic)
      try file.write(bytes, at: 0)
      try file.close()
      return try File.open(scratch("a"), traffic).read(count: bytes.count, at: 0)
    }
  }

  @Test func `bytes are counted both ways, and without a rate none waits`() throws {
    let (traffic, kernel) = (Traffic(), WriteBackKernel())
    #expect(try moved(traffic, kernel) == bytes)
    #expect(traffic.byteCount == 20_000_000)
    #expect(kernel.pauses.isEmpty)
  }

  @Test func `with a rate the bytes are the same, in pieces that each wait their turn`() throws {
    let (traffic, kernel) = (Traffic(bytesPerSecond: 1_000_000), WriteBackKernel())
    #expect(try moved(traffic, kernel) == bytes)
    #expect(traffic.byteCount == 20_000_000)
    // 102 pieces of 98 304 bytes and a rest each way; the first is the burst. The pauses are told
    // and not made, so each is longer than the one before: 20 MB take 20 s.
    #expect(kernel.pauses.count >= 202)
    let last = kernel.pauses.last ?? 0
    #expect(last > 10_000 && last <= 19_901)
  }
}
