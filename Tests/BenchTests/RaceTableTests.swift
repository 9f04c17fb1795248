// What a race prints.
import Testing

@testable import shardweld_bench

struct RaceTableTests {
  @Test func `the table has medians, ranges, ratios and memory by row`() {
    #expect(
      RaceTable(results: RaceSample.results).text == """
                               median   range         ÷ cp    ÷ cp, sync   memory   of a worker
        cp -r                  0.10 s   0.10 … 0.30   1.00    0.50         2 MB
        cp -r, sync -f         0.20 s   0.20 … 0.60   2.00    1.00         2 MB
        merge r16, 2 workers   0.30 s   0.24 … 0.90   3.00    1.50         2 MB     52 MB
        PEFT r16               1.60 s   1.60 … 1.60   16.00   8.00         2 MB
        """)
  }

  @Test(arguments: [
    (RaceRow.Program.copy(isFlushed: false), true, "cp -r, cold"),
    (.merge(rank: 64, workers: 1, verify: "none"), false, "merge r64, 1 worker, verify none"),
    (
      .merge(rank: 256, workers: 2, verify: "none"), true,
      "merge r256, 2 workers, verify none, cold"
    ),
    (.peer(.tunedLoop, rank: 16), false, "tuned loop, 2 processes r16"),
  ])
  func `a row is named for what runs and how`(
    _ program: RaceRow.Program, _ isCold: Bool, _ name: String
  ) {
    #expect(RaceRow(program: program, isCold: isCold).name == name)
  }

  @Test func `a peer is given room for the whole model beside its output`() {
    #expect(RaceSample.merge.memoryByteCount(of: 500_000_000) == 756_000_000)
    #expect(RaceSample.peer.memoryByteCount(of: 500_000_000) == 2_000_000_000)
  }

  @Test func `rows that were not as cold or as hot as they say are told of`() {
    let cold = RaceRow(program: RaceSample.copy.program, isCold: true)
    func notes(hot: Double, cold share: Double) -> [String] {
      var results = RaceResults([RaceSample.copy, cold])
      results.add(RaceSample.run(1, cachedShare: hot), of: 0)
      results.add(RaceSample.run(1), of: 0)
      results.add(RaceSample.run(1, cachedShare: share), of: 1)
      results.add(RaceSample.run(1, cachedShare: 0), of: 1)
      return RaceTable(results: results).notes
    }
    #expect(notes(hot: 1, cold: 0.01).isEmpty)
    #expect(
      notes(hot: 0.5, cold: 0.25) == [
        "cold rows are not cold: the page cache kept up to 25 % of the inputs",
        "hot rows are not hot: the page cache held only 50 % of the inputs",
      ])
  }

  @Test(arguments: [
    (0.0, 2, "0.00"), (0.995, 2, "1.00"), (2.046, 2, "2.05"), (12.3, 1, "12.3"),
    (1.0005, 3, "1.001"),
  ])
  func `numbers are rounded to so many digits`(_ value: Double, _ digits: Int, _ text: String) {
    #expect(RaceTable.decimal(value, digits) == text)
  }
}
