import Planning
import TestSupport
import Testing

@testable import shardweld

struct QuantityTests {
  @Test(arguments: [
    ("256MB", 256_000_000), ("5GB", 5_000_000_000), ("1GiB", 1 << 30), ("64KiB", 65_536),
    ("65536", 65_536), ("1.5GB", 1_500_000_000), ("0.5KiB", 512), ("2 TB", 2_000_000_000_000),
    ("10mb", 10_000_000), ("7B", 7), ("9223372036854775807", Int64.max),
  ])
  func `a size counts decimal and binary units`(text: String, byteCount: Int64) {
    #expect(Quantity.byteCount(text) == byteCount)
  }

  @Test(arguments: [
    "", "MB", "0", "0GB", "-1", "5G", "5 G B", "1.2.3GB", ".5GB", "5.GB", "1.5", "1e9", "five",
    "9223372036854775808", "9300000TB", "٣MB", "0.0000000000001GB",
  ])
  func `anything else is no size`(text: String) {
    #expect(Quantity.byteCount(text) == nil)
  }

  @Test(
    arguments: [
      (256_000_000, "256MB"), (1 << 30, "1GiB"), (1001, "1001"), (1_500_000_000, "1500MB"),
      (5_000_000_000, "5GB"), (1, "1"),
    ] as [(Int64, String)])
  func `a size is written as it would be typed`(byteCount: Int64, text: String) {
    #expect(Quantity.text(byteCount) == text)
    #expect(Quantity.byteCount(text) == byteCount)
  }

  @Test func `a rate is a size each second`() {
    #expect(Quantity.rate("500MB/s") == 500_000_000)
    #expect(Quantity.rate("64 MiB/S") == 64 << 20)
    #expect(Quantity.rate("1000/s") == 1000)
    for text in ["500MB", "500MB/", "/s", "0MB/s", "-1MB/s", "5G/s", "500MB/s/s", "500MB/min", ""] {
      #expect(Quantity.rate(text) == nil, "\(text)")
    }
  }

  @Test func `percentages lie above zero and up to a hundred`() {
    #expect(Quantity.percent("5") == 5)
    #expect(Quantity.percent("0.5%") == 0.5)
    #expect(Quantity.percent("100%") == 100)
    for text in ["0", "100.1", "-1", "", "%", "5%%", "nan", "1e1"] {
      #expect(Quantity.percent(text) == nil, "\(text)")
    }
  }

  @Test func `counts are digits alone`() {
    #expect(Quantity.count("12") == 12)
    for text in ["", "+1", "-1", "1.0", "0x1", " 1", "99999999999999999999"] {
      #expect(Quantity.count(text) == nil, "\(text)")
    }
  }
}

struct AdapterChoiceTests {
  let scratch = Scratch()

  @Test func `the last equals sign parts folder and strength`() throws {
    #expect(try AdapterChoice("dir=0.7") == AdapterChoice(path: "dir", strength: 0.7))
    #expect(try AdapterChoice("a=b=-1e-3") == AdapterChoice(path: "a=b", strength: -0.001))
    #expect(try AdapterChoice("dir") == AdapterChoice(path: "dir", strength: 1))
  }

  @Test func `a folder whose own name ends like a strength is that folder`() throws {
    let path = scratch("rank=16")
    try scratch.write("rank=16/adapter_config.json", "{}")
    #expect(try AdapterChoice(path) == AdapterChoice(path: path))
    #expect(try AdapterChoice(path + "=0.5") == AdapterChoice(path: path, strength: 0.5))
  }

  @Test(arguments: ["x", "", "1,5", "nan", "inf", "1e999"])
  func `a strength that is no number is refused`(text: String) {
    let error = #expect(throws: UsageError.self) { try AdapterChoice("dir=" + text) }
    #expect(
      error?.sentence
        == "the strength of adapter dir is a number, as in dir=0.7, not \"\(text)\"")
  }

  @Test func `a strength without a folder is refused`() {
    let error = #expect(throws: UsageError.self) { try AdapterChoice("=0.7") }
    #expect(error?.sentence == "flag --adapter has an empty value")
  }
}

struct NearestTests {
  private let commands = Command.allCases.map(\.rawValue)

  @Test(arguments: [
    ("mrege", "merge"), ("Merge", "merge"), ("coordinater", "coordinator"), ("veriffy", "verify"),
    ("insp", "inspect"), ("stauts", "status"), ("keyge", "keygen"),
  ])
  func `a typo finds the word that was meant`(typed: String, meant: String) {
    #expect(Nearest.match(typed, among: commands) == meant)
  }

  @Test(arguments: ["train", "", "--", "x", "completely-different"])
  func `nothing near gives no hint`(typed: String) {
    #expect(Nearest.match(typed, among: commands) == nil)
  }

  @Test func `two words equally near give no hint`() {
    #expect(Nearest.match("bsh", among: ["bash", "bush"]) == nil)
  }
}
