import Planning
import Storage
import TestSupport
import Testing

@testable import shardweld

struct DeclarationTests {
  private let needed = ["--base", "B", "--adapter", "A", "--output", "O"]

  private func merge(_ words: [String]) throws -> MergeFlags {
    guard case .run(let flags) = try MergeFlags.declaration.parse(words) else {
      throw UsageError.noCommand
    }
    return flags
  }

  // MARK: What is understood

  @Test func `flags take their value behind a space or an equals sign`() throws {
    let spaced = try merge(needed + ["--workers", "4", "--layout", "source"])
    let joined = try merge(
      ["--base=B", "--adapter=A", "--output=O", "--workers=4", "--layout=source"])
    #expect(spaced == joined)
    #expect(spaced.base == "B")
    #expect(spaced.output == "O")
    #expect(spaced.workers == 4)
    #expect(spaced.layout == .source)
  }

  @Test func `defaults stand where nothing is said`() throws {
    let flags = try merge(needed)
    #expect(flags.options == MergeOptions())
    #expect(flags.workers == nil && flags.threads == nil && flags.maxShardSize == nil)
    #expect(flags.memoryLimit == nil && flags.ioLimit == nil)
    #expect(flags.verify == .readback && flags.progress == .auto && flags.logLevel == .info)
    #expect(!flags.overwrite && !flags.restart && !flags.keepJob && !flags.again && !flags.dryRun)
  }

  @Test func `every flag of merge reaches its place`() throws {
    let words = [
      "--layout", "source", "--max-shard-size", "5GB", "--dtype", "bf16", "--digest", "sha256",
      "--accumulate", "f64", "--nonfinite", "keep", "--workers", "3", "--threads", "2",
      "--memory-limit", "1GiB", "--io-limit", "500MB/s", "--verify", "none", "--overwrite",
      "--restart", "--keep-job", "--again", "--json", "--progress", "plain", "--log-level", "debug",
    ]
    let flags = try merge(needed + words)
    var expected = MergeFlags()
    expected.base = "B"
    expected.adapters = [AdapterChoice(path: "A")]
    expected.output = "O"
    expected.layout = .source
    expected.maxShardSize = 5_000_000_000
    expected.dtype = .bf16
    expected.digest = .sha256
    expected.accumulation = .f64
    expected.nonFinite = .keep
    expected.workers = 3
    expected.threads = 2
    expected.memoryLimit = 1 << 30
    expected.ioLimit = 500_000_000
    expected.verify = .none
    expected.overwrite = true
    expected.restart = true
    expected.keepJob = true
    expected.again = true
    expected.json = true
    expected.progress = .plain
    expected.logLevel = .debug
    #expect(flags == expected)
    var options = MergeOptions()
    options.layout = .source
    options.maxShardByteCount = 5_000_000_000
    options.dtype = .bf16
    options.digest = "sha256"
    options.accumulation = .f64
    options.nonFinite = .keep
    #expect(flags.options == options)
  }

  @Test func `adapters keep their order and strength`() throws {
    let flags = try merge(["--adapter", "one=0.7", "--adapter=two"] + needed)
    #expect(
      flags.adapters == [
        AdapterChoice(path: "one", strength: 0.7), AdapterChoice(path: "two"),
        AdapterChoice(path: "A"),
      ])
  }

  @Test func `auto and nothing are the same for counts and sizes`() throws {
    let flags = try merge(
      needed + ["--workers", "auto", "--threads", "auto", "--max-shard-size", "auto"])
    #expect(flags == (try merge(needed)))
  }

  @Test func `words behind two dashes are arguments whatever they look like`() throws {
    let request = try InspectFlags.declaration.parse(["--json", "--", "--odd-folder"])
    var flags = InspectFlags()
    flags.path = "--odd-folder"
    flags.json = true
    #expect(request == .run(flags))
  }

  @Test func `a value that begins with dashes is taken behind an equals sign`() throws {
    #expect(try merge(needed.map { $0 == "B" ? "x" : $0 }).base == "x")
    #expect(try merge(["--base=--x"] + needed.dropFirst(2)).base == "--x")
  }

  @Test func `arguments and flags may stand in any order`() throws {
    var flags = DiffFlags()
    flags.first = "A"
    flags.second = "B"
    flags.all = true
    #expect(try DiffFlags.declaration.parse(["A", "--all", "B"]) == .run(flags))
    #expect(try DiffFlags.declaration.parse(["--all", "A", "B"]) == .run(flags))
  }

  @Test func `help wins over everything before two dashes`() throws {
    #expect(try MergeFlags.declaration.parse(["--base", "--help"]) == .help)
    #expect(try MergeFlags.declaration.parse(["--nonsense", "-h"]) == .help)
    var flags = InspectFlags()
    flags.path = "--help"
    #expect(try InspectFlags.declaration.parse(["--", "--help"]) == .run(flags))
  }

  @Test func `a coordinator has merge's flags and its own`() throws {
    let words = needed + ["--listen", "tcp://*:5555", "--keys", "K", "--layout", "source"]
    var expected = CoordinatorFlags()
    expected.merge = try merge(needed + ["--layout", "source"])
    expected.listen = "tcp://*:5555"
    expected.keys = "K"
    #expect(try CoordinatorFlags.declaration.parse(words) == .run(expected))
  }

  @Test func `a worker is told an address or a job's folder`() throws {
    var expected = WorkerFlags()
    expected.job = "O.shardweld"
    expected.keys = "K"
    #expect(
      try WorkerFlags.declaration.parse(["--job", "O.shardweld", "--keys", "K"]) == .run(expected))
  }

  @Test func `a plan needs no output`() throws {
    var expected = PlanFlags()
    expected.merge.base = "B"
    expected.merge.adapters = [AdapterChoice(path: "A")]
    #expect(try PlanFlags.declaration.parse(["--base", "B", "--adapter", "A"]) == .run(expected))
  }

  // MARK: What is refused

  @Test(
    arguments: [
      (["--base"], "flag --base needs a value; write --base PATH"),
      (
        ["--base", "--adapter", "A"],
        "flag --base needs a value, but --adapter follows; write --base PATH"
      ),
      (["--base", ""], "flag --base has an empty value"),
      (["--adapter="], "flag --adapter has an empty value"),
      (
        ["--base", "x", "--base=y"],
        "flag --base is given twice, as \"x\" and as \"y\"; give it once"
      ),
      (["--adaptor", "A"], "unknown flag --adaptor; did you mean --adapter?"),
      (["--out", "O"], "unknown flag --out; did you mean --output?"),
      (["--max_shard_size=1GB"], "unknown flag --max_shard_size; did you mean --max-shard-size?"),
      (["-base", "B"], "unknown flag -base; did you mean --base?"),
      (["--frobnicate"], "unknown flag --frobnicate"),
      (["--overwrite=yes"], "flag --overwrite takes no value, but \"yes\" is given; leave it out"),
      (["base"], "merge has no place for \"base\"; did you mean --base?"),
      (["thing"], "merge has no place for \"thing\""),
      (["--base", "B"], "merge needs --adapter DIR[=STRENGTH] and --output DIR"),
      ([], "merge needs --base PATH, --adapter DIR[=STRENGTH] and --output DIR"),
      (
        ["--layout", "layer"],
        "flag --layout is layers or source, not \"layer\"; did you mean layers?"
      ),
      (
        ["--dtype", "complex"], "flag --dtype is keep, bf16, f16 or f32, not \"complex\""
      ),
      (
        ["--memory-limit", "5G"],
        "flag --memory-limit is a size such as 256MB, 5GB, 1GiB or plain bytes, not \"5G\""
      ),
      (
        ["--io-limit", "500MB"],
        "flag --io-limit is a rate such as 500MB/s, 2GB/s or 64MiB/s, not \"500MB\""
      ),
      (["--workers", "-1"], "flag --workers is a whole number from 0 to 4096, not \"-1\""),
      (["--threads", "two"], "flag --threads is a whole number from 1 to 1024, not \"two\""),
      (
        ["--adapter", "A=0,7"],
        "the strength of adapter A is a number, as in A=0.7, not \"0,7\""
      ),
    ])
  func `a bad command line is told in one sentence`(words: [String], sentence: String) {
    let error = #expect(throws: UsageError.self) { try MergeFlags.declaration.parse(words) }
    #expect(error?.sentence == sentence)
  }

  @Test func `less memory than a worker needs is refused`() {
    let words = ["--base", "B", "--adapter", "A", "--output", "O", "--memory-limit", "1MB"]
    let error = #expect(throws: UsageError.self) { try MergeFlags.declaration.parse(words) }
    #expect(
      error?.sentence
        == "flag --memory-limit is 1.00 MB, but a worker needs 76.7 MB")
  }

  @Test func `a dry run that would change something is refused`() {
    for flag in ["--restart", "--overwrite"] {
      let error = #expect(throws: UsageError.self) { try merge(needed + ["--dry-run", flag]) }
      #expect(
        error?.sentence == "--dry-run and \(flag) exclude each other; give one of them")
    }
  }

  @Test func `a worker needs exactly one way to its coordinator`() {
    let none = #expect(throws: UsageError.self) {
      try WorkerFlags.declaration.parse(["--keys", "K"])
    }
    #expect(none?.sentence == "worker needs --connect ADDRESS or --job DIR")
    let both = #expect(throws: UsageError.self) {
      try WorkerFlags.declaration.parse(
        ["--keys", "K", "--job", "J", "--connect", "tcp://a:1"])
    }
    #expect(both?.sentence == "--connect and --job exclude each other; give one of them")
  }

  @Test func `recomputing needs the inputs`() {
    let base = #expect(throws: UsageError.self) {
      try VerifyFlags.declaration.parse(["O", "--recompute", "5%"])
    }
    #expect(base?.sentence == "--recompute means nothing without --base; give both")
    let adapter = #expect(throws: UsageError.self) {
      try VerifyFlags.declaration.parse(["O", "--recompute", "5%", "--base", "B"])
    }
    #expect(adapter?.sentence == "--recompute means nothing without --adapter; give both")
    let percent = #expect(throws: UsageError.self) {
      try VerifyFlags.declaration.parse(["O", "--recompute", "101"])
    }
    #expect(
      percent?.sentence
        == "flag --recompute is a percentage above 0 and up to 100, such as 5 or 0.5%, not \"101\"")
  }

  @Test func `an argument that is missing or too much is named`() {
    let missing = #expect(throws: UsageError.self) { try DiffFlags.declaration.parse(["A"]) }
    #expect(missing?.sentence == "diff needs B")
    let extra = #expect(throws: UsageError.self) {
      try DiffFlags.declaration.parse(["A", "B", "C"])
    }
    #expect(extra?.sentence == "diff has no place for \"C\"")
    let shell = #expect(throws: UsageError.self) {
      try CompletionsFlags.declaration.parse(["zhs"])
    }
    #expect(shell?.sentence == "SHELL is bash, zsh or fish, not \"zhs\"; did you mean zsh?")
  }

  @Test(arguments: [
    "tcp://host", "tcp://host:0", "tcp://*:5555", "tcp://host:70000", "http://host:1", "host:5555",
    "tcp://:1", "ipc://", "tcp://a b:1", "tcp://::1:5555",
  ])
  func `an address that cannot be connected to is refused`(address: String) {
    let error = #expect(throws: UsageError.self) {
      try WorkerFlags.declaration.parse(["--keys", "K", "--connect", address])
    }
    #expect(
      error?.sentence
        == "flag --connect is an address such as tcp://HOST:5555, not \"\(address)\"")
  }

  @Test func `addresses of both kinds are known`() {
    #expect(Endpoint.isValid("tcp://host:5555", isListening: false))
    #expect(Endpoint.isValid("tcp://[::1]:5555", isListening: false))
    #expect(Endpoint.isValid("ipc:///tmp/socket", isListening: false))
    #expect(Endpoint.isValid("tcp://*:5555", isListening: true))
    #expect(Endpoint.isValid("tcp://127.0.0.1:*", isListening: true))
    #expect(Endpoint.isValid("tcp://eth0:0", isListening: true))
    #expect(!Endpoint.isValid("tcp://*", isListening: true))
  }
}
