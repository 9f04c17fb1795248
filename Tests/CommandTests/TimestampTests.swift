import Foundation
import Testing

@testable import shardweld

struct TimestampTests {
  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"),
      (-1, "1969-12-31T23:59:59.999Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
      (1_772_366_400_000, "2026-03-01T12:00:00.000Z"),
      (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
      (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ])
  func `moments are told in UTC`(milliseconds: Int64, text: String) {
    #expect(Timestamp.text(milliseconds: milliseconds) == text)
  }

  @Test func `every day of four centuries is as the calendar has it`() {
    let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    for day in Int64(-80_000)...80_000 where day % 97 == 0 || day % 365 < 2 {
      let milliseconds = day * 86_400_000 + 45_296_789
      let date = Date(timeIntervalSince1970: Double(milliseconds) / 1000)
      let expected = String(date.formatted(style).prefix(19))
      #expect(Timestamp.text(milliseconds: milliseconds).prefix(19) == expected)
    }
  }
}
