// `shardweld-bench fuzz`: feeds mutated input to every reader of bytes from outside.
//
// Case N of a seed depends on the two alone, so a crash is repeated by its number, which stands in
// the file of `--mark` before each case is fed. Everything lies in a folder below $TMPDIR.
import CLinux
import Planning
import Storage
import TestSupport

struct FuzzRun {
  static let subcommand = Subcommand(
    name: "fuzz",
    usage: "fuzz --cases TESTS/FIXTURES/CASES [--seconds N] [--seed S] [--case N] [--mark FILE]",
    run: run)

  /// Cases whose files and plans are the valid inputs: one of each kind of update.
  private static let caseNames = [
    "bert-cls", "conv2d-dora", "dora", "embedding-lm-head", "gpt2-conv1d", "lora-bf16", "lora-bias",
    "mixtral-experts", "modules-to-save", "qwen3moe-experts", "rank-alpha-pattern",
    "tied-embedding", "trainable-tokens",
  ]
  /// A case slower than this is told: some input makes a reader crawl.
  private static let slowMilliseconds = 1000.0

  private struct Tally {
    var taken = 0
    var refused = 0
  }

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    guard let cases = words.text("cases") else { throw Words.Misused() }
    let seconds = try words.number("seconds") ?? 60
    let seed = try words.number("seed") ?? UInt64.random(in: 0...999_999)
    let only = try words.number("case")
    let mark = words.text("mark")
    try words.end()

    let scratch = Scratch()
    let targets = try targets(cases, scratch)
    print("seed \(seed), \(targets.count) targets")
    if let only {
      print(try feed(only, seed, targets).1)
      return 0
    }
    let file = try mark.map { path throws(StorageError) in try MarkFile(path) }
    var tallies = Array(repeating: Tally(), count: targets.count)
    var findings = 0
    var slowest: (milliseconds: Double, number: UInt64) = (0, 0)
    let clock = ContinuousClock()
    let start = clock.now
    var number: UInt64 = 0
    while clock.now - start < .seconds(seconds) {
      try file?.write("seed \(seed) case \(number)")
      let before = clock.now
      do {
        let (target, answer) = try feed(number, seed, targets)
        switch answer {
        case .taken: tallies[target].taken += 1
        case .refused: tallies[target].refused += 1
        }
      } catch let broken as FuzzTarget.Broken {
        findings += 1
        print("case \(number): \(broken)")
      }
      let passed = (clock.now - before) / .milliseconds(1)
      if passed > slowest.milliseconds { slowest = (passed, number) }
      if passed > slowMilliseconds {
        findings += 1
        print("case \(number): \(targets[Int(number) % targets.count].name) took \(Int(passed)) ms")
      }
      number += 1
    }
    for (target, tally) in zip(targets, tallies) {
      print("\(target.name): \(tally.taken) taken, \(tally.refused) refused")
    }
    print("slowest: case \(slowest.number), \(Int(slowest.milliseconds)) ms")
    print("\(number) cases in \(seconds) s, \(findings) findings, seed \(seed), \(peak())")
    return findings == 0 ? 0 : 1
  }

  /// Feeds the case of a number; gives its target's place and answer.
  private static func feed(
    _ number: UInt64, _ seed: UInt64, _ targets: [FuzzTarget]
  ) throws -> (Int, FuzzTarget.Answer) {
    let place = Int(number % UInt64(targets.count))
    let target = targets[place]
    var mutation = Mutation(seed: seed &* 0x9E37_79B9_7F4A_7C15 &+ number)
    let input = mutation.change(
      mutation.pick(target.samples), with: mutation.pick(target.samples))
    let answer = try target.feed(input)
    if case .refused("") = answer {
      throw FuzzTarget.Broken(description: "\(target.name): an error without a sentence")
    }
    return (place, answer)
  }

  private static func targets(_ cases: String, _ scratch: Scratch) throws -> [FuzzTarget] {
    func copies(_ folder: String) throws -> [FuzzCase] {
      try caseNames.map { try FuzzCase(copying: $0, of: cases, to: scratch(folder)) }
    }
    // Merged slices read files of their own: a plan knows when its inputs were written.
    let plans = try copies("still").map { try $0.plan().get() }
    let places = try copies("changing")
    var targets = FuzzTarget.records(plans) + FuzzTarget.messages
    targets += [
      .header(scratch), .slices(plans, scratch), .authorizedKeys(scratch),
      .config(try places.map { try WholeFile.read($0.base + "/config.json") }),
    ]
    for (name, place) in zip(caseNames, places) {
      targets.append(
        try .planned("adapter config, \(name)", place, place.adapter + "/adapter_config.json"))
      targets.append(
        try .planned("adapter, \(name)", place, place.adapter + "/adapter_model.safetensors"))
    }
    for (name, place) in zip(caseNames, places).prefix(4) {
      targets.append(try .planned("base config, \(name)", place, place.base + "/config.json"))
      targets.append(
        try .planned("index, \(name)", place, place.base + "/model.safetensors.index.json"))
    }
    return targets
  }

  private static func peak() -> String {
    "peak memory \(sw_peak_memory() / 1_000_000) MB"
  }
}

/// A file of one line that is written over and over: it outlives a crash.
private struct MarkFile: ~Copyable {
  private let file: File

  init(_ path: String) throws(StorageError) {
    try Folder.removeTree(path)
    file = try File.create(path)
  }

  func write(_ line: String) throws(StorageError) {
    let padding = String(repeating: " ", count: max(0, 60 - line.count))
    try file.write(Array((line + padding + "\n").utf8), at: 0)
  }
}
