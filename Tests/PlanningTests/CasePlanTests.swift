// Every golden case is planned: what changes, what is copied, what the config becomes.
import Adapters
import Checkpoints
import Foundation
import Planning
import Testing

private let cases = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().appending(path: "Fixtures/cases")

private func plan(
  _ name: String, _ change: (inout MergeOptions) -> Void = { _ in }
) throws -> MergePlan {
  let folder = cases.appending(path: name)
  let checkpoint = try Checkpoint.open(folder.appending(path: "base").path())
  var adapters = [
    (adapter: try Adapter.open(folder.appending(path: "adapter").path()), strength: 1.0)
  ]
  let second = folder.appending(path: "adapter2").path()
  if FileManager.default.fileExists(atPath: second) {
    adapters.append((try Adapter.open(second), 1.0))
  }
  var options = MergeOptions()
  change(&options)
  return try Planner.plan(checkpoint, adapters: adapters, options: options)
}

/// Cases and how many of their tensors change.
private let changed: [(String, Int)] = [
  ("bert-cls", 15), ("bias-all", 24), ("bias-lora-only", 8), ("conv2d", 6), ("conv2d-dora", 6),
  ("dora", 28), ("dora-f32", 28), ("embedding", 17), ("embedding-lm-head", 2),
  ("gpt2-conv1d", 8), ("lora-attention-only", 8), ("lora-bf16", 28),
  ("lora-bf16-adapter-bf16", 28), ("lora-bias", 12), ("lora-f16", 28), ("lora-f32", 28),
  ("lora-r1", 28), ("lora-r64", 28), ("lora-rank-not-multiple", 28), ("lora-some-layers", 14),
  ("mixtral-experts", 28), ("modules-to-save", 29), ("qwen3moe-attention", 8),
  ("qwen3moe-experts", 32), ("rank-alpha-pattern", 28), ("rslora", 28),
  ("rslora-rank-pattern", 28), ("t5", 32), ("tied-embedding", 28), ("trainable-tokens", 29),
  ("trainable-tokens-tied", 29), ("two-adapters", 28),
]

@Test(arguments: changed)
func `a case changes the tensors its adapter trained`(name: String, count: Int) throws {
  let plan = try plan(name)
  #expect(PlanSummary(plan).changedCount == count, "\(name)")
}
