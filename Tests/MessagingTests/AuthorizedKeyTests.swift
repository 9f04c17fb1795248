// What limits a key: until when, and from where. The lines, and what the list says of them.
import Messaging
import Storage
import Testing

private func newKey() -> PublicKey { KeyPair.generate().publicKey }

/// A list of one line, `KEY node-1` and these words.
private func list(
  _ key: PublicKey, _ options: String, in scratch: ScratchFolder,
  clock: @escaping @Sendable () -> Int64 = AllowList.systemClock
) throws -> AllowList {
  try scratch.write("\(key) node-1 \(options)\n", "list")
  return try AllowList(path: scratch.file("list"), clock: clock)
}

@Test(
  arguments: [
    ("1970-01-01", 0), ("1970-01-01T00:00:01Z", 1), ("2000-02-29T12:00:00Z", 951_825_600),
    ("2027-01-31", 1_801_353_600), ("2026-11-24T10:31:28Z", 1_795_516_288),
    ("2100-03-01", 4_107_542_400), ("9999-12-31T23:59:59Z", 253_402_300_799),
  ] as [(String, Int64)])
func `a date of UTC is as many seconds as everywhere`(text: String, seconds: Int64) {
  #expect(UTCInstant(text)?.seconds == seconds)
  #expect(UTCInstant(text)?.description == (text.count == 10 ? text + "T00:00:00Z" : text))
}

@Test(
  arguments: [
    "", "2027", "2027-1-31", "2027-02-29", "2100-02-29", "2027-04-31", "2027-13-01", "2027-00-01",
    "2027-01-00", "1969-12-31", "2027-01-31T00:00:00", "2027-01-31T00:00:00z",
    "2027-01-31 00:00:00Z", "2027-01-31T24:00:00Z", "2027-01-31T23:60:00Z",
    "2027-01-31T23:59:60Z", "2027-01-31T00:00:00+1", "+027-01-31", "２０27-01-31", "2027/01/31",
  ])
func `what is no date of UTC is none`(text: String) { #expect(UTCInstant(text) == nil) }

@Test func `a key is good until its moment and not at it`() throws {
  let scratch = try ScratchFolder()
  let clock = try TestClock("2027-01-30T23:59:59Z")
  let key = newKey()
  for option in ["expires=2027-01-31", "expires=2027-01-31T00:00:00Z"] {
    let list = try list(key, option, in: scratch, clock: clock.read)
    try clock.set("2027-01-30T23:59:59Z")
    #expect(list.verdict(on: key, from: "") == .admitted(name: "node-1"))
    try clock.set("2027-01-31T00:00:00Z")
    let date = try #require(UTCInstant("2027-01-31"))
    #expect(list.verdict(on: key, from: "") == .refused(.expired(date)))
    #expect(list.name(of: key) == nil)
    #expect(list.takeProblem() == nil)
  }
}

@Test(
  arguments: [
    ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false),
    ("10.0.0.0/8", "", false), ("10.0.0.0/8", ":0:0:4711", false), ("10.0.0.0/8", "fd00::1", false),
    ("192.168.7.9", "192.168.7.9", true), ("192.168.7.9", "192.168.7.8", false),
    ("0.0.0.0/0", "1.2.3.4", true), ("0.0.0.0/0", "::1", false), ("0.0.0.0/0", "", false),
    ("10.0.0.128/25", "10.0.0.127", false), ("10.0.0.128/25", "10.0.0.200", true),
    ("fd00::/8,10.1.0.0/16", "fdff::1", true), ("fd00::/8,10.1.0.0/16", "10.1.2.3", true),
    ("fd00::/8,10.1.0.0/16", "fe80::1", false), ("fe80::/10", "fe80::1%eth0", true),
    ("::1", "::1", true),
  ])
func `a key with addresses is good from these alone`(
  range: String, address: String, isGood: Bool
) throws {
  let scratch = try ScratchFolder()
  let key = newKey()
  let list = try list(key, "from=" + range, in: scratch)
  let expected: AllowList.Verdict = isGood ? .admitted(name: "node-1") : .refused(.elsewhere)
  #expect(list.verdict(on: key, from: address) == expected)
}

@Test func `options come in any order`() throws {
  let scratch = try ScratchFolder()
  let key = newKey()
  let clock = try TestClock("2026-01-01")
  for options in ["expires=2027-01-31\tfrom=10.0.0.0/8", "from=10.0.0.0/8  expires=2027-01-31 "] {
    let list = try list(key, options, in: scratch, clock: clock.read)
    try clock.set("2026-01-01")
    #expect(list.verdict(on: key, from: "10.0.0.1") == .admitted(name: "node-1"))
    #expect(list.verdict(on: key, from: "11.0.0.1") == .refused(.elsewhere))
    try clock.set("2028-01-01")
    let date = try #require(UTCInstant("2027-01-31"))
    #expect(list.verdict(on: key, from: "10.0.0.1") == .refused(.expired(date)))
  }
}

@Test(
  arguments: [
    "node-2", "#", "expires", "expires=", "expires=tomorrow", "expires=2027-02-30", "from=",
    "from=10.0.0.0/33", "from=10.0.0.1/8", "from=10.0.0.0/8,", "from=host", "from=fd00::/129",
    "from=10.0.0.0/", "from=10.0.0.0/-1", "from=10.0.0.0/8/8", "from=10.0.0/8", "From=10.0.0.0/8",
    "admin=yes", "expires=2028-01-31", "from=11.0.0.0/8",
  ])
func `an option that cannot be read or is repeated makes a bad line`(option: String) throws {
  let scratch = try ScratchFolder()
  let key = newKey()
  let error = #expect(throws: MessagingError.self) {
    try list(key, "expires=2027-01-31 from=10.0.0.0/8 \(option)", in: scratch)
  }
  #expect(
    error?.sentence
      == "\(scratch.file("list")) line 1 authorises nobody, its option '\(option)' cannot be read: "
      + "expires=2027-01-31, expires=2027-01-31T00:00:00Z (UTC) or from=10.0.0.0/8,fd00::/8 "
      + "expected, each at most once")
}

@Test func `an option shown in an error cannot steer a terminal`() throws {
  let scratch = try ScratchFolder()
  let long = String(repeating: "x", count: 1000)
  let error = #expect(throws: MessagingError.self) {
    try list(newKey(), "a\u{1B}[2Jb\(long)", in: scratch)
  }
  let path = scratch.file("list")
  let option = "a[2Jb" + String(repeating: "x", count: 58)
  #expect(error == .badOption(path: path, line: 1, option: option))
}

@Test func `a bad option that comes later shuts out its own key alone`() throws {
  let scratch = try ScratchFolder()
  let (a, b) = (newKey(), newKey())
  let list = try list(a, "", in: scratch)
  try scratch.write("\(a) node-1 expires=soon\n\(b) node-2\n", "list")
  #expect(list.verdict(on: a, from: "") == .refused(.notListed))
  #expect(list.verdict(on: b, from: "") == .admitted(name: "node-2"))
  let path = scratch.file("list")
  #expect(list.takeProblem() == .badOption(path: path, line: 1, option: "expires=soon"))
}

@Test func `an empty list is one being written, a list of comments shuts everybody out`() throws {
  let scratch = try ScratchFolder()
  let key = newKey()
  let list = try list(key, "", in: scratch)
  try scratch.write("", "list")
  #expect(list.verdict(on: key, from: "") == .refused(.listUnusable))
  let path = scratch.file("list")
  #expect(list.takeProblem() == .emptyList(path: path))
  #expect(
    MessagingError.emptyList(path: path).sentence
      == "\(path) is empty and authorises nobody; "
      + "write one line per worker, or a comment to shut out all of them")
  try scratch.write("# nobody\n", "list")
  #expect(list.verdict(on: key, from: "") == .refused(.notListed))
  #expect(list.takeProblem() == nil)
}
