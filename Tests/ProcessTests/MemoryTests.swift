// Promise 5: a worker's memory does not grow with the tensor.
import Foundation
import Glibc
import Safetensors
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct MemoryTests {
  let scratch = Scratch()

  /// A tensor of 200 MB, a hole on disk: the file system gives zeros.
  private func writeBase() throws {
    let path = scratch("base/model.safetensors")
    try scratch.write("base/config.json", #"{"model_type": "llama"}"#)
    let header = ShardLayout.header([("big.weight", .bf16, [12_500, 8_000])])
    try Data(header).write(to: URL(filePath: path))
    let handle = try FileHandle(forWritingTo: URL(filePath: path))
    try handle.truncate(atOffset: UInt64(header.count + 200_000_000))
    try handle.close()
  }

  @Test func `a tensor larger than the memory limit is merged within it`() throws {
    try writeBase()
    try scratch.write(
      "adapter/adapter_model.safetensors",
      GoldenModel.pair("big", out: 12_500, in: 8_000, rank: 1, seed: 3))
    try scratch.write("adapter/adapter_config.json", GoldenModel.adapterConfig(rank: 1, alpha: 1))
    let merge = try Command([
      "merge", "--base", scratch("base"), "--adapter", scratch("adapter"), "--output",
      scratch("out"), "--workers", "0", "--threads", "1", "--memory-limit", "100MB",
      "--progress", "none",
    ])
    var peak = 0
    while let found = try Self.peakKilobytes(of: merge.processID) {
      peak = max(peak, found)
      usleep(5_000)
    }
    let run = try merge.wait()
    #expect(run.exitCode == 0, "\(run)")
    #expect(peak > 1_000 && peak <= 100_000, "\(peak) kB")
  }

  /// The largest resident size so far; nil once the process has ended.
  private static func peakKilobytes(of process: Int32) throws -> Int? {
    let text = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
    for line in text.split(separator: "\n") where line.hasPrefix("VmHWM:") {
      return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }
    return nil
  }
}
