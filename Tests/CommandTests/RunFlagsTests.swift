// The flags about how a run goes on: audits, takeovers and deadlines.
import Coordination
import Planning
import Testing

@testable import shardweld

struct RunFlagsTests {
  private let needed = ["--base", "B", "--adapter", "A", "--output", "O"]
  private let place = ["--connect", "tcp://h:1", "--keys", "K"]

  private func merge(_ words: [String]) throws -> MergeFlags {
    guard case .run(let flags) = try MergeFlags.declaration.parse(needed + words) else {
      throw UsageError.noCommand
    }
    return flags
  }

  private func deadline(_ text: String) throws -> Int? {
    guard case .run(let flags) = try WorkerFlags.declaration.parse(place + ["--deadline", text])
    else { throw UsageError.noCommand }
    return flags.deadline
  }

  private func sentence(_ step: () throws -> Void) -> String? {
    #expect(throws: UsageError.self) { try step() }?.sentence
  }

  // MARK: --audit

  @Test func `nothing is audited and nothing taken over unless asked for`() throws {
    let flags = try merge([])
    #expect(flags.audit == 0 && !flags.takeover)
  }

  @Test(arguments: [("0", 0), ("5", 5), ("5%", 5), ("100%", 100)])
  func `an audit is a whole percentage`(text: String, percent: Int) throws {
    #expect(try merge(["--audit", text]).audit == percent)
  }

  @Test(arguments: ["101", "-1", "0.5", "half", "%", "5%%"])
  func `anything else is no audit`(text: String) {
    #expect(
      sentence { _ = try merge(["--audit=" + text]) }
        == "flag --audit is a whole number from 0 to 100, not \"\(text)\"")
  }

  @Test func `one process cannot audit itself`() throws {
    #expect(
      sentence { _ = try merge(["--audit", "10", "--workers", "0"]) }
        == "--audit and --workers 0 exclude each other; give one of them")
    #expect(
      sentence { _ = try merge(["--audit", "10", "--workers", "1"]) }
        == "--audit and --workers 1 exclude each other; give one of them")
    #expect(try merge(["--audit", "0", "--workers", "0"]).workers == 0)
    #expect(try merge(["--audit", "10", "--workers", "2"]).workers == 2)
  }

  // MARK: --takeover

  @Test func `a takeover goes on, so it neither restarts nor only looks`() throws {
    #expect(try merge(["--takeover"]).takeover)
    #expect(
      sentence { _ = try merge(["--takeover", "--restart"]) }
        == "--takeover and --restart exclude each other; give one of them")
    #expect(
      sentence { _ = try merge(["--takeover", "--dry-run"]) }
        == "--dry-run and --takeover exclude each other; give one of them")
  }

  @Test func `a coordinator has both`() throws {
    let words = needed + ["--listen", "tcp://*:1", "--keys", "K", "--audit", "3", "--takeover"]
    guard case .run(let flags) = try CoordinatorFlags.declaration.parse(words) else {
      Issue.record("help")
      return
    }
    #expect(flags.merge.audit == 3 && flags.merge.takeover)
  }

  // MARK: --deadline

  @Test(arguments: [("90", 90), ("90s", 90), ("55m", 3_300), ("2h", 7_200), ("1000h", 3_600_000)])
  func `a deadline is a span of time`(text: String, seconds: Int) throws {
    #expect(try deadline(text) == seconds)
  }

  @Test(arguments: ["0", "0s", "-5", "1.5h", "2d", "h", "1001h", "3600001", "9999999999999999999"])
  func `anything else is no deadline`(text: String) {
    #expect(
      sentence { _ = try WorkerFlags.declaration.parse(place + ["--deadline=" + text]) }
        == "flag --deadline is a time such as 90s, 55m or 2h, not \"\(text)\"")
  }

  @Test func `without one a worker has none`() throws {
    guard case .run(let flags) = try WorkerFlags.declaration.parse(place) else {
      Issue.record("help")
      return
    }
    #expect(flags.deadline == nil)
  }

  // MARK: --memory-limit

  @Test func `a job that no local worker has the memory for is refused before any starts`() {
    func job(_ id: Int, memory: Int64, isCommitted: Bool = false) -> JobFacts {
      JobFacts(
        id: id, shardName: "shard-\(id)", byteCount: 1, memoryByteCount: memory,
        slice: PlanSlice(offset: 0, byteCount: 1, digest: "xxh3:x"), isCommitted: isCommitted)
    }
    let jobs = [job(0, memory: 1 << 40, isCommitted: true), job(1, memory: 300_000_000)]
    #expect(
      WorkerRun.shortage(jobs, limit: 256_000_000)
        == "shard-1 needs a worker with 300 MB of memory, but --memory-limit is 256 MB; give "
        + "--memory-limit 300MB")
    #expect(WorkerRun.shortage(jobs, limit: 300_000_000) == nil)
    #expect(WorkerRun.shortage([], limit: 1) == nil)
  }

  // MARK: Help and completions

  @Test func `help shows them with what they take`() {
    let merge = HelpText.page(MergeFlags.declaration.outline)
    #expect(merge.contains("\n  --audit PERCENT "))
    #expect(merge.contains("\n  --takeover "))
    #expect(merge.contains("\n  --io-limit RATE "))
    #expect(HelpText.page(CoordinatorFlags.declaration.outline).contains("\n  --takeover "))
    #expect(HelpText.page(WorkerFlags.declaration.outline).contains("\n  --deadline TIME "))
  }

  @Test(arguments: Shell.allCases) func `shells complete them`(shell: Shell) {
    let text = shell.script(Command.outlines)
    for flag in ["audit", "takeover", "deadline"] { #expect(text.contains(flag), "\(flag)") }
  }

  @Test func `a typo finds them`() {
    #expect(
      sentence { _ = try merge(["--take-over"]) }
        == "unknown flag --take-over; did you mean --takeover?")
    #expect(
      sentence { _ = try merge(["--audits", "5"]) }
        == "unknown flag --audits; did you mean --audit?")
  }
}
