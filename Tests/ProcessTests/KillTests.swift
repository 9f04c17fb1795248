// Promise 3: kill anything at any moment, run the same command again, and the bytes are the same.
import Foundation
import Glibc
import Safetensors
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(30)))
struct KillTests {
  let scratch = Scratch()

  /// Who is killed.
  enum Victim: CaseIterable {
    case worker, coordinator, everything
  }

  /// Twenty layers, so that twenty jobs are on their way when the blow falls.
  private func writeModel() throws {
    let layers = 0..<20
    try scratch.write(
      "base/model.safetensors",
      layers.map { layer in
        GoldenModel.tensor(
          "model.layers.\(layer).q.weight", .bf16, [300, 500], seed: UInt64(layer))
      })
    try scratch.write("base/config.json", #"{"model_type": "llama"}"#)
    try scratch.write(
      "adapter/adapter_model.safetensors",
      layers.flatMap { layer in
        GoldenModel.pair(
          "model.layers.\(layer).q", out: 300, in: 500, rank: 8, seed: UInt64(1000 + layer))
      })
    try scratch.write("adapter/adapter_config.json", GoldenModel.adapterConfig(rank: 8, alpha: 16))
  }

  private func words(_ output: String, workers: Int) -> [String] {
    [
      "merge", "--base", scratch("base"), "--adapter", scratch("adapter"), "--output",
      scratch(output), "--workers", "\(workers)", "--max-shard-size", "310KB", "--progress", "none",
    ]
  }

  @Test(arguments: Victim.allCases)
  func `whatever is killed, the same command ends in the same bytes`(_ victim: Victim) throws {
    try writeModel()
    let reference = try Command.run(words("reference", workers: 0))
    try #require(reference.exitCode == 0, "\(reference)")
    let expected = try GoldenFolder(scratch("reference"))
    var random = SeededGenerator(seed: 7)
    for round in 0..<10 {
      let output = "out\(round)"
      let first = try Command(words(output, workers: 2))
      usleep(UInt32.random(in: 10_000...700_000, using: &random))
      let workers = Self.children(of: first.processID)
      switch victim {
      case .worker: if let worker = workers.randomElement(using: &random) { kill(worker, SIGKILL) }
      case .coordinator: first.send(SIGKILL)
      case .everything:
        first.send(SIGKILL)
        for worker in workers { kill(worker, SIGKILL) }
      }
      var run = try first.wait()
      if victim == .worker { #expect(run.exitCode == 0, "\(run)") }
      if run.exitCode != 0 {
        // Nothing is half there: the output appears whole or not at all.
        let isThere = FileManager.default.fileExists(atPath: scratch(output))
        run = try Command.run(words(output, workers: 2))
        #expect(
          run.exitCode == 0 || (isThere && run.errors.contains("is a finished merge already")),
          "round \(round): \(run)")
      }
      #expect(try GoldenFolder(scratch(output)).differences(expected) == [], "round \(round)")
    }
  }

  @Test func `Ctrl-C once keeps what is committed and says how to go on`() throws {
    try writeModel()
    let first = try Command(words("out", workers: 1))
    usleep(350_000)
    first.send(SIGINT)
    let stopped = try first.wait()
    try #require(stopped.exitCode == 75 || stopped.exitCode == 0, "\(stopped)")
    if stopped.exitCode == 75 {
      #expect(
        stopped.errors
          == "shardweld: stopped by SIGINT; run the same command again to go on\n")
      #expect(!FileManager.default.fileExists(atPath: scratch("out")))
      #expect(try Command.run(words("out", workers: 2)).exitCode == 0)
    }
    #expect(try Command.run(["verify", scratch("out"), "--progress", "none"]).exitCode == 0)
  }

  @Test func `Ctrl-C of a merge without workers keeps what is committed too`() throws {
    try writeModel()
    let first = try Command(words("out", workers: 0))
    usleep(250_000)
    first.send(SIGINT)
    let stopped = try first.wait()
    try #require(stopped.exitCode == 75 || stopped.exitCode == 0, "\(stopped)")
    if stopped.exitCode == 75 { #expect(try Command.run(words("out", workers: 0)).exitCode == 0) }
    #expect(try Command.run(["verify", scratch("out"), "--progress", "none"]).exitCode == 0)
  }

  @Test func `a second coordinator is refused while the first lives`() throws {
    try writeModel()
    // On a busy machine the first may be done before it is held: then another round decides.
    for round in 0..<10 {
      let output = "out\(round)"
      let first = try Command(words(output, workers: 1))
      let announced = scratch(output + ".shardweld/epoch/000001.json")
      for _ in 0..<400 where !FileManager.default.fileExists(atPath: announced) { usleep(5_000) }
      first.send(SIGSTOP)
      let second = try Command.run(words(output, workers: 1))
      first.send(SIGCONT)
      #expect(try first.wait().exitCode == 0)
      #expect(second.exitCode == 2, "\(second)")
      if second.errors.contains("is a finished merge already") { continue }
      #expect(
        second.errors.contains("a coordinator is at work on \(scratch(output)).shardweld already"))
      return
    }
    Issue.record("the first coordinator was never met alive")
  }

  /// Processes that a process has started.
  static func children(of parent: pid_t) -> [pid_t] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { pid_t($0) }.filter { process in
      guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let fields = text.split(separator: ")").last?.split(separator: " "), fields.count > 1
      else { return false }
      return pid_t(fields[1]) == parent
    }.sorted()
  }
}
