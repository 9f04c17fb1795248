// The arithmetic of a race.
import Testing

@testable import shardweld_bench

struct RaceResultsTests {
  @Test func `a median is the middle one, or the mean of both in the middle`() {
    #expect(RaceResults.median([3, 1, 2]) == 2)
    #expect(RaceResults.median([4, 1, 3, 2]) == 2.5)
    #expect(RaceResults.median([7]) == 7)
  }

  @Test func `ratios are taken within a round, so that a slow round does not count`() {
    let results = RaceSample.results
    // 3, 3 and 2.4 times; the ratio of the medians would be 3 too, that of the means 2.88.
    #expect(results.ratio(of: 2, toFlushed: false) == 3)
    #expect(results.ratio(of: 2, toFlushed: true) == 1.5)
    #expect(results.ratio(of: 0, toFlushed: true) == 0.5)
  }

  @Test func `who took part in the first round only is compared with that round's copy`() {
    #expect(RaceSample.results.ratio(of: 3, toFlushed: false) == 16)
  }

  @Test func `cold rows are compared with cold copies, and with nothing where there are none`() {
    let cold = RaceRow(program: RaceSample.merge.program, isCold: true)
    let copy = cold.copy(isFlushed: false)
    var results = RaceResults([RaceSample.copy, cold, copy])
    results.add(RaceSample.run(100), of: 0)
    results.add(RaceSample.run(300), of: 1)
    results.add(RaceSample.run(150), of: 2)
    #expect(results.ratio(of: 1, toFlushed: false) == 2)
    #expect(results.ratio(of: 1, toFlushed: true) == nil)
  }

  @Test func `memory is the most of all rounds`() {
    #expect(RaceSample.results.workerPeakByteCount(of: 2) == 52_000_000)
    #expect(RaceSample.results.workerPeakByteCount(of: 0) == 0)
  }

  @Test func `a row that failed is forgotten`() {
    var results = RaceSample.results
    results.drop(3)
    #expect(results.ratio(of: 3, toFlushed: false) == nil)
    #expect(!RaceTable(results: results).text.contains("PEFT"))
  }
}
