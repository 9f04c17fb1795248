import Storage
import TestSupport
import Testing

struct TokenBucketTests {
  private static let second: Int64 = 1_000_000_000

  @Test func `after a rest a tenth of a second's bytes move at once, the next ones wait`() {
    var bucket = TokenBucket(bytesPerSecond: 1_000_000)
    #expect(bucket.take(60_000, now: 5 * Self.second) == 0)
    #expect(bucket.take(40_000, now: 5 * Self.second) == 0)
    #expect(bucket.take(1_000, now: 5 * Self.second) == 1_000_000)
    #expect(bucket.take(1_000_000, now: 5 * Self.second) == 1_001_000_000)
  }

  @Test func `more than a burst waits for its whole time but the burst's`() {
    var bucket = TokenBucket(bytesPerSecond: 1_000_000)
    #expect(bucket.take(5_000_000, now: 0) == 4_900_000_000)
  }

  @Test func `a long rest saves up no more than one burst`() {
    var bucket = TokenBucket(bytesPerSecond: 1_000_000)
    #expect(bucket.take(100_000, now: 0) == 0)
    #expect(bucket.take(200_000, now: 3600 * Self.second) == 100_000_000)
  }

  @Test(arguments: [1, 999, 50_000_000, 7_000_000_000] as [Int64])
  func `at no time has more moved than the rate and one burst`(rate: Int64) {
    var bucket = TokenBucket(bytesPerSecond: rate)
    var random = SeededGenerator(seed: 3)
    var (now, moved) = (Self.second, Int64(0))
    let start = now
    for _ in 0..<10_000 {
      now += Int64(random.next() % 5_000_000)
      let count = Int(random.next() % UInt64(max(2, rate / 50)))
      // One thread: it waits, then the bytes move.
      now += bucket.take(count, now: now)
      moved += Int64(count)
      let most = Double(rate) * (Double(now - start) / 1e9 + 0.1)
      #expect(Double(moved) <= most + 1)
    }
  }

  @Test func `bytes are taken in pieces of a burst, and of whole blocks`() {
    #expect(TokenBucket(bytesPerSecond: 1).pieceByteCount == 4096)
    #expect(TokenBucket(bytesPerSecond: 1_000_000).pieceByteCount == 98_304)
    #expect(TokenBucket(bytesPerSecond: .max).pieceByteCount % 4096 == 0)
  }
}
