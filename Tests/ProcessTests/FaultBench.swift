// A small merge that things happen to, and what must hold afterwards whatever it was: the bytes of
// the undisturbed merge, or a clean stop with nothing half there that the next plain run completes.
import Foundation
import Safetensors
import TestSupport
import Testing

/// A model, its undisturbed merge, and folders for disturbed ones.
struct FaultBench {
  let scratch = Scratch()
  let expected: GoldenFolder
  private let shardSize: String

  /// `tensorsPerLayer` weights in each of `layers` layers, each layer a shard: a job has one more
  /// write than its tensors, and its record's.
  init(layers: Int = 3, tensorsPerLayer: Int = 2, columns: Int = 24) throws {
    let modules = (0..<layers).flatMap { layer in
      (0..<tensorsPerLayer).map { "model.layers.\(layer).mlp.p\($0)" }
    }
    try scratch.write(
      "base/model.safetensors",
      modules.enumerated().map { index, module in
        GoldenModel.tensor(module + ".weight", .bf16, [40, columns], seed: UInt64(index))
      })
    try scratch.write("base/config.json", #"{"model_type": "llama"}"#)
    try scratch.write("base/tokenizer.json", #"{"version": "1.0"}"#)
    try scratch.write(
      "adapter/adapter_model.safetensors",
      modules.enumerated().flatMap { index, module in
        GoldenModel.pair(module, out: 40, in: columns, rank: 4, seed: UInt64(1000 + 2 * index))
      })
    try scratch.write("adapter/adapter_config.json", GoldenModel.adapterConfig(rank: 4, alpha: 8))
    shardSize = "\(tensorsPerLayer * 40 * columns * 2 + 1000 + 100 * tensorsPerLayer)"
    let words = Self.words(scratch, shardSize, output: scratch("reference/out"))
    let run = try Command.run(["merge"] + words + ["--workers", "0"])
    try #require(run.exitCode == 0, "\(run)")
    expected = try GoldenFolder(scratch("reference/out"))
    let shards = expected.names.filter { $0.hasSuffix(".safetensors") }
    try #require(shards.count == layers, "\(expected.names)")
  }

  /// Flags of a merge or a coordinator.
  func words(output: String) -> [String] { Self.words(scratch, shardSize, output: output) }

  /// A merge's words with so many workers.
  func merge(output: String, workers: Int) -> [String] {
    ["merge"] + words(output: output) + ["--workers", "\(workers)"]
  }

  private static func words(_ scratch: Scratch, _ size: String, output: String) -> [String] {
    [
      "--base", scratch("base"), "--adapter", scratch("adapter"), "--output", output,
      "--max-shard-size", size, "--progress", "none",
    ]
  }

  /// A fresh folder that the fault is confined to.
  func place(_ name: String) throws -> String {
    try FileManager.default.createDirectory(
      atPath: scratch(name), withIntermediateDirectories: true)
    return scratch(name)
  }

  /// How often a merge makes each call.
  func tally(workers: Int) throws -> FaultTally {
    let folder = try place("counted-\(workers)")
    let tally = try FaultTally.make("counted-\(workers).tally", in: scratch)
    let run = try Command.run(
      merge(output: folder + "/out", workers: workers),
      environment: tally.environment(folder: folder))
    try #require(run.exitCode == 0, "\(run)")
    try #require(try tally.count(.coordinator, .step) > 0, "the shim was not loaded")
    return tally
  }

  // MARK: The check

  /// Runs the merge with the fault, then without one where that is needed, and looks at what is on
  /// disk after each. Returns false where the run came to its end before the call.
  @discardableResult
  func survive(_ fault: Fault, _ name: String) throws -> Bool {
    let folder = try place(name)
    let tally = try FaultTally.make(name + ".tally", in: scratch)
    let words = merge(output: folder + "/out", workers: fault.process == .alone ? 0 : 2)
    let run = try Command(words, environment: fault.environment(folder: folder, tally: tally))
      .wait(seconds: 60)
    let hasFired = try tally.fired() > 0
    let story = "\(fault): \(run)"
    switch run.exitCode {
    case 0: break
    case -SIGKILL: #expect(fault.killsStarted, "\(story)")
    case 1, 75: #expect(run.saysWhy, "\(story)")
    default: Issue.record("\(story)")
    }
    if !hasFired || fault.mustPass { #expect(run.exitCode == 0, "\(story)") }
    if fault.action == .enospc, run.exitCode != 0 { #expect(run.exitCode == 75, "\(story)") }
    try expectRecovery(words, folder: folder, after: run, story: story)
    try FileManager.default.removeItem(atPath: folder)
    return hasFired
  }

  /// Expects that the plain merge completes what `run` left, and leaves nothing but the output.
  func expectRecovery(
    _ words: [String], folder: String, after run: Command.Outcome, story: String
  ) throws {
    let output = folder + "/out"
    let isThere = FileManager.default.fileExists(atPath: output)
    if isThere || run.exitCode == 0 {
      #expect(try GoldenFolder(output).differences(expected) == [], "\(story)")
    }
    if run.exitCode != 0 {
      let second = try Command(words).wait(seconds: 60)
      #expect(
        second.exitCode == 0 || (isThere && second.errors.contains("is a finished merge already")),
        "\(story)\nthen: \(second)")
      #expect(try GoldenFolder(output).differences(expected) == [], "\(story)\nthen: \(second)")
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(left == ["out"], "\(story)")
  }
}

extension Fault {
  /// The process that the test starts is killed itself.
  var killsStarted: Bool { process != .worker && (action == .kill || action == .killAfter) }

  /// The merge must be done in spite of it: by going on with the call, or by another worker.
  var mustPass: Bool {
    if repeats { return false }
    switch action {
    case .short, .delay: return true
    case .eintr where [.create, .read, .write, .reserve].contains(call): return true
    case .enospc: return false
    default: return process == .worker
    }
  }
}

extension Command.Outcome {
  /// One sentence on standard error says what went wrong, beside what the log tells.
  var saysWhy: Bool {
    errorLines.contains { line in
      line.hasPrefix("shardweld: ") && !line.hasPrefix("shardweld: warning: ")
    }
  }
}
