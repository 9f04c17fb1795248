import Testing

@testable import Coordination

@Suite struct JitterTests {
  @Test func `a draw lies between nothing and its bound, both included`() {
    var jitter = Jitter(seed: 7)
    var seen = Set<Int64>()
    for _ in 0..<10_000 { seen.insert(jitter.below(9)) }
    #expect(seen == Set(0...9))
    #expect(jitter.below(0) == 0)
    #expect(jitter.below(-5) == 0)
  }

  @Test func `draws depend on the seed alone`() {
    func draws(_ seed: UInt64) -> [Int64] {
      var jitter = Jitter(seed: seed)
      return (0..<8).map { _ in jitter.below(1_000_000) }
    }
    #expect(draws(1) == draws(1))
    #expect(draws(1) != draws(2))
  }

  @Test func `the sequence is SplitMix64's`() {
    // The first numbers of seed 1234567, as its authors' code gives them.
    var jitter = Jitter(seed: 1_234_567)
    let first: [UInt64] = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
    for number in first {
      #expect(jitter.below(999_999) == Int64(number % 1_000_000))
    }
  }
}
