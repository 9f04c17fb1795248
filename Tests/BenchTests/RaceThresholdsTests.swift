// What a race must keep.
import TestSupport
import Testing

@testable import shardweld_bench

struct RaceThresholdsTests {
  private func faults(
    ratio: String, bytes: Int, row: String = "merge r16, 2 workers"
  ) throws -> [String] {
    let text =
      #"{"\#(row)": {"ratio_to_flushed_copy": \#(ratio), "worker_peak_bytes": \#(bytes)}}"#
    return try RaceThresholds(parsing: Array(text.utf8)).faults(in: RaceSample.results)
  }

  @Test func `what is kept to the brim is no fault`() throws {
    #expect(try faults(ratio: "1.5", bytes: 52_000_000).isEmpty)
  }

  @Test func `a row that is too slow or too large is a fault each`() throws {
    #expect(
      try faults(ratio: "1.49", bytes: 51_999_999) == [
        "merge r16, 2 workers: took 1.50 times as long as cp -r, sync -f; at most 1.49 is allowed",
        "merge r16, 2 workers: a worker held 52 MB; at most 52 MB is allowed",
      ])
  }

  @Test(arguments: ["merge r64, 2 workers", "merge r16, 2 workers, cold"])
  func `a threshold that nothing was measured for is a fault`(_ row: String) throws {
    #expect(
      try faults(ratio: "9", bytes: 1, row: row)
        == ["\(row): there is a threshold, but it was not measured"])
  }

  @Test func `a merge whose worker was never seen is a fault`() throws {
    #expect(
      try faults(ratio: "9", bytes: 1, row: "PEFT r16")
        == ["PEFT r16: no worker was seen, so its memory is not known"])
  }

  @Test(arguments: [
    ("{}", "thresholds: expected an object of rows, and at least one"),
    (
      #"{"a": {"ratio_to_flushed_copy": 1}}"#,
      "thresholds of \"a\": expected ratio_to_flushed_copy and worker_peak_bytes, found "
        + #"{"ratio_to_flushed_copy":1}"#
    ),
    (
      #"{"a": {"ratio_to_flushed_copy": 1, "worker_peak_bytes": 1, "ratio": 1}}"#,
      "thresholds of \"a\": expected ratio_to_flushed_copy and worker_peak_bytes, found "
        + #"{"ratio_to_flushed_copy":1,"worker_peak_bytes":1,"ratio":1}"#
    ),
  ])
  func `thresholds that are not understood are refused`(_ text: String, _ sentence: String) {
    let failure = #expect(throws: RaceThresholds.Malformed.self) {
      _ = try RaceThresholds(parsing: Array(text.utf8))
    }
    #expect(failure?.description == sentence)
  }
}
