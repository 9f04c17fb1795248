// Command lines that are not understood, through the real program.
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct RefusalUsageTests {
  let bench: RefusalBench

  init() throws { bench = try RefusalBench() }

  @Test(arguments: [
    ([], "no command"), (["merg"], "unknown command merg; did you mean merge?"),
    (["--bass"], "unknown flag --bass"), (["merge"], "merge needs --base"),
    (["merge", "--base", "b", "--adapter", "a"], "merge needs --output"),
    (["merge", "--base", "b", "--output", "o"], "merge needs --adapter"),
    (["merge", "--base"], "--base needs a value"),
    (["merge", "--base", "--adapter", "a"], "--base needs a value, but --adapter follows"),
    (["verify"], "verify needs OUTPUT"), (["inspect"], "inspect needs"),
    (["diff", "a"], "diff needs"),
    (["verify", "o", "--recompute", "5"], "--recompute means nothing without --base"),
    (
      ["verify", "o", "--base", "b", "--recompute", "5"],
      "--recompute means nothing without --adapter"
    ),
    (["worker", "--connect", "tcp://h:1"], "--keys"), (["keygen"], "keygen needs"),
  ])
  func `a command line that lacks something is refused`(
    _ words: [String], _ sentence: String
  ) throws {
    try bench.expectRefusal(of: words, naming: [sentence])
  }

  @Test(arguments: [
    (["--overwritte"], "unknown flag --overwritte; did you mean --overwrite?"),
    (["--worker", "2"], "unknown flag --worker; did you mean --workers?"),
    (["extra"], "merge has no place for \"extra\""),
    (["--threads", "0"], "--threads is a whole number"),
    (["--threads", "two"], "\"two\""), (["--workers", "-1"], "--workers is a whole number"),
    (["--workers", "5000"], "\"5000\""), (["--memory-limit", "lots"], "--memory-limit is a size"),
    (["--memory-limit", "0"], "--memory-limit is a size"),
    (["--memory-limit", "-5MB"], "--memory-limit is a size"),
    (["--max-shard-size", "0"], "--max-shard-size is a size"),
    (["--max-shard-size", "9999999999GB"], "--max-shard-size is a size"),
    (["--layout", "rows"], "--layout is layers or source, not \"rows\""),
    (["--layout", "sorce"], "did you mean source?"),
    (["--dtype", "int8"], "--dtype is keep, bf16, f16 or f32, not \"int8\""),
    (["--digest", "md5"], "--digest is xxh3 or sha256, not \"md5\""),
    (["--nonfinite", "ignore"], "--nonfinite is"), (["--verify", "maybe"], "--verify is"),
    (["--progress", "loud"], "--progress is"), (["--log-level", "shout"], "--log-level is"),
    (["--overwrite=yes"], "takes no value"), (["--layout="], "not \"\""),
    (["--layout", "source", "--layout", "layers"], "given twice"),
    (["--dry-run", "--restart"], "--dry-run and --restart exclude each other"),
    (["--dry-run", "--overwrite"], "--dry-run and --overwrite exclude each other"),
  ])
  func `a flag that is unknown or has a wrong value is refused`(
    _ words: [String], _ sentence: String
  ) throws {
    // Without --progress, which the bench gives too.
    let merge = bench.words().filter { $0 != "--progress" && $0 != "none" }
    try bench.expectRefusal(of: merge + words, naming: [sentence])
  }

  @Test(arguments: ["much", "nan", "inf", "1e999", "0,7", "", "0.5x"])
  func `a strength that is no number is refused`(_ text: String) throws {
    let adapter = bench.scratch("adapter")
    try bench.expectRefusal(
      adapters: [adapter + "=" + text],
      naming: ["the strength of adapter \(adapter)", "\"\(text)\""])
  }

  @Test(arguments: ["base", "adapter", "output"])
  func `an empty path is refused`(_ name: String) throws {
    var words = bench.words()
    words[words.firstIndex(of: "--" + name)! + 1] = ""
    try bench.expectRefusal(of: words, naming: ["--" + name, "empty value"])
  }

  @Test func `an instruction set that cannot be had is refused before anything is written`() throws
  {
    for workers in ["0", "2"] {
      try bench.expectRefusal(
        ["--workers", workers], environment: [InstructionSets.variable: "sse9"],
        naming: ["\"sse9\"", InstructionSets.variable])
    }
  }
}
