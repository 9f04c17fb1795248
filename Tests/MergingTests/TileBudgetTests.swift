import Planning
import Testing

@Suite struct TileBudgetTests {
  @Test func `the default stays below its limit with room for the runtime`() {
    for threads in [1, 2, 4, 8, 16] {
      let budget = TileBudget(threads: threads)
      #expect(budget.peakByteCount <= 200_000_000)
      #expect(budget.tileElementCount >= 100_000)
    }
  }

  @Test func `a peak is the sum of its parts`() {
    let budget = TileBudget(memoryByteCount: 1_000_000_000, threads: 3)
    #expect(
      budget.peakByteCount
        == 64_000_000 + Int64(budget.panelByteCount) + 3 * Int64(budget.threadByteCount)
        + 2 * 6 << 20)
    #expect(budget.peakByteCount <= 1_000_000_000)
  }

  @Test func `too little memory still gives buffers that work`() {
    let budget = TileBudget(memoryByteCount: 0, threads: 0)
    #expect(budget.threads == 1)
    #expect(budget.tileByteCount >= 64 << 10)
    #expect(budget.lineByteCount >= 64 << 10)
    #expect(budget.peakByteCount <= 78_000_000)
  }
}
