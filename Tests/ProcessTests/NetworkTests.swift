// Coordinator and workers as their own commands, over TCP on this machine.
import Foundation
import Glibc
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct NetworkTests {
  let scratch = Scratch()
  private let golden = GoldenCase.all.first { $0.name == "lora-bf16" }!

  private func keys() throws {
    let run = try Command.run(["keygen", scratch("keys")])
    try #require(run.exitCode == 0, "\(run)")
  }

  private func coordinator(_ words: [String] = []) throws -> Command {
    try Command(
      [
        "coordinator", "--base", golden.base, "--adapter", golden.adapters[0], "--output",
        scratch("out"), "--max-shard-size", "20KB", "--listen", "tcp://127.0.0.1:*", "--keys",
        scratch("keys"), "--progress", "none",
      ] + words)
  }

  private func worker(_ keys: String = "keys") throws -> Command {
    let announced = scratch("out.shardweld/epoch/000001.json")
    for _ in 0..<400 where !FileManager.default.fileExists(atPath: announced) { usleep(10_000) }
    return try Command(["worker", "--job", scratch("out.shardweld"), "--keys", scratch(keys)])
  }

  @Test func `workers find the coordinator by the job's folder, join late and are dismissed`()
    throws
  {
    try keys()
    let coordinator = try coordinator()
    let first = try worker()
    let second = try worker()
    let run = try coordinator.wait()
    #expect(run.exitCode == 0, "\(run)")
    // Whoever is too late for the work finds nobody; that is no failure of the coordinator's.
    let codes = [try first.wait().exitCode, try second.wait().exitCode]
    #expect(codes.contains(0) && codes.allSatisfy { [0, 75, 2].contains($0) }, "\(codes)")
    try golden.merge(to: scratch("alone"), "--max-shard-size", "20KB")
    #expect(try GoldenFolder(scratch("out")).differences(GoldenFolder(scratch("alone"))) == [])
  }

  @Test func `a worker whose key is not on the list is told so and ends with 78`() throws {
    try keys()
    let authorized = scratch("keys/authorized_keys")
    let line = try String(contentsOfFile: authorized, encoding: .utf8)
    try scratch.write("keys/authorized_keys", "# nobody\n")
    unsafe chmod(authorized, 0o600)
    let coordinator = try coordinator()
    let stranger = try worker().wait()
    #expect(stranger.exitCode == 78, "\(stranger)")
    #expect(stranger.errors.contains("does not admit this worker's key"))
    // Let in again, it works: the list is read anew.
    usleep(20_000)
    try scratch.write("keys/authorized_keys", line)
    let friend = try worker()
    let run = try coordinator.wait()
    #expect(run.exitCode == 0, "\(run)")
    #expect(try friend.wait().exitCode == 0)
  }

  @Test func `keys that others can read are refused with 78`() throws {
    try keys()
    unsafe chmod(scratch("keys/coordinator.secret"), 0o644)
    let run = try coordinator().wait()
    #expect(run.exitCode == 78, "\(run)")
    #expect(run.errors.contains(scratch("keys/coordinator.secret")))
    #expect(!FileManager.default.fileExists(atPath: scratch("out")))
  }

  @Test func `a coordinator stopped by SIGTERM is taken up by the next`() throws {
    try keys()
    let first = try coordinator()
    for _ in 0..<400
    where !FileManager.default.fileExists(atPath: scratch("out.shardweld/epoch/000001.json")) {
      usleep(10_000)
    }
    first.send(SIGTERM)
    #expect(try first.wait().exitCode == 75)
    let second = try coordinator()
    let announced = scratch("out.shardweld/epoch/000002.json")
    for _ in 0..<400 where !FileManager.default.fileExists(atPath: announced) { usleep(10_000) }
    let worker = try worker()
    #expect(try second.wait().exitCode == 0)
    #expect(try worker.wait().exitCode == 0)
  }
}
