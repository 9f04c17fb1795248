import Testing

@testable import shardweld

struct AmountTests {
  @Test(
    arguments: [
      (0, "0 B"), (512, "512 B"), (999, "999 B"), (1000, "1.00 KB"), (1234, "1.23 KB"),
      (12_345, "12.3 KB"), (999_499, "999 KB"), (999_500, "1.00 MB"), (9_996_000_000, "10.0 GB"),
      (4_940_000_000, "4.94 GB"), (2_000_000_000_000, "2.00 TB"), (Int64.max, "9.22 EB"),
      (-5, "0 B"),
    ] as [(Int64, String)])
  func `bytes have three digits`(count: Int64, text: String) {
    #expect(Amount.bytes(count) == text)
  }

  @Test(
    arguments: [
      (1_200_000_000, "1.2 GB/s"), (340_000_000, "340 MB/s"), (9_960_000, "10 MB/s"),
      (12_345, "12 KB/s"), (7, "7 B/s"), (999_600, "1.0 MB/s"),
    ] as [(Int64, String)])
  func `rates have two digits`(rate: Int64, text: String) {
    #expect(Amount.rate(rate) == text)
  }

  @Test(
    arguments: [
      (0, "0 s"), (59, "59 s"), (60, "1 min 00 s"), (192, "3 min 12 s"), (3600, "1 h 00 min"),
      (7500, "2 h 05 min"), (86_400, "1 d 00 h"), (273_600, "3 d 04 h"), (-1, "0 s"),
    ] as [(Int64, String)])
  func `durations have two parts`(seconds: Int64, text: String) {
    #expect(Amount.duration(seconds: seconds) == text)
  }

  @Test(
    arguments: [
      (17, "17 ms"), (999, "999 ms"), (1000, "1.0 s"), (9949, "9.9 s"), (9950, "10 s"),
      (192_400, "3 min 12 s"),
    ] as [(Int64, String)])
  func `short times are finer`(milliseconds: Int64, text: String) {
    #expect(Amount.duration(milliseconds: milliseconds) == text)
  }

  @Test func `shares name the unit once where it is one`() {
    #expect(Amount.share(2_220_000_000, of: 4_940_000_000) == "2.22 of 4.94 GB")
    #expect(Amount.share(220_000_000, of: 4_940_000_000) == "220 MB of 4.94 GB")
  }

  @Test func `counts are grouped and nouns agree`() {
    #expect(Amount.count(208_000) == "208 000")
    #expect(Amount.count(1_234_567) == "1 234 567")
    #expect(Amount.count(999) == "999")
    #expect(Amount.count(-1000) == "-1 000")
    #expect(Amount.count(1, "tensor") == "1 tensor")
    #expect(Amount.count(0, "tensor") == "0 tensors")
  }

  @Test(
    arguments: [
      (0, "0"), (1, "1"), (-2.5, "-2.5"), (0.001953125, "0.001953"),
      (1.52587890625e-05, "1.526e-05"),
      (0.0001, "0.0001"), (123_456, "123500"), (1_234_567, "1.235e+06"), (9.9999, "10"),
      (0.99999, "1"), (1e-300, "1e-300"), (.infinity, "inf"), (100, "100"),
    ] as [(Double, String)])
  func `real numbers have four digits`(value: Double, text: String) {
    #expect(Amount.real(value) == text)
  }
}

struct TableTests {
  @Test func `text stands at the left and numbers at the right`() {
    var table = Table(.text("name"), .number("bytes"), .text("remark"))
    table.add("a", "12", "")
    table.add("longer", "1 234", "x")
    #expect(
      table.text() == """
        name    bytes  remark
        a          12
        longer  1 234  x

        """)
    #expect(table.text(indent: 2).hasPrefix("  name    bytes  remark\n  a "))
  }
}

struct LogTests {
  @Test func `a line says its level unless it is plain news or the end`() {
    #expect(Log.line(.info, "text", isJSON: false) == "shardweld: text")
    #expect(Log.line(.error, "text", isJSON: false) == "shardweld: text")
    #expect(Log.line(.warning, "text", isJSON: false) == "shardweld: warning: text")
    #expect(Log.line(.debug, "two\nlines", isJSON: false) == "shardweld: debug: two lines")
    #expect(
      Log.line(.warning, "a \"b\"", isJSON: true)
        == #"{"level":"warning","message":"a \"b\""}"#)
  }

  @Test func `levels are ordered by detail`() {
    #expect(LogLevel.error < .warning && LogLevel.warning < .info && LogLevel.info < .debug)
  }
}
