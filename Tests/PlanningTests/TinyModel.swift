// A base and adapters of a few tensors, written to a folder of their own: shapes and names are what
// planning looks at, so all values are zero.
import Adapters
import Checkpoints
import Foundation
import Planning
import Safetensors
import TestSupport

/// A scratch folder with one base and any number of adapters; removed at the end of its life.
final class TinyModel {
  typealias Tensor = (name: String, dtype: DType, shape: [Int])

  let root: URL
  private var adapters: [(path: String, strength: Double)] = []

  init(
    _ tensors: [Tensor], config: String? = #"{"model_type": "llama"}"#
  ) throws {
    root = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Self.write(tensors, to: root.appending(path: "base/model.safetensors"))
    if let config {
      try Data(config.utf8).write(to: root.appending(path: "base/config.json"))
    }
  }

  deinit { try? FileManager.default.removeItem(at: root) }

  /// A base in llama.cpp's container; keys of numbers come without the architecture before them.
  init(gguf architecture: String, _ numbers: [String: UInt64], _ tensors: [Tensor]) throws {
    root = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    let sample = SampleGGUF.model(
      architecture,
      numbers: numbers.sorted { $0.key < $1.key }.map { (architecture + "." + $0.key, $0.value) },
      tensors.map { ($0.name, $0.shape, []) })
    let url = root.appending(path: "base/model.gguf")
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(sample.bytes).write(to: url)
  }

  /// Adds an adapter that lies elsewhere.
  func add(file path: String) { adapters.append((path, 1)) }

  /// Adds an adapter; names get PEFT's prefix, a nil config is a plain one of rank 2.
  func add(
    _ tensors: [Tensor], _ members: String = "", kind: String = "LORA", strength: Double = 1,
    prefixed: Bool = true
  ) throws {
    let folder = root.appending(path: "adapter\(adapters.count + 1)")
    try Self.write(
      tensors.map { ((prefixed ? "base_model.model." : "") + $0.name, $0.dtype, $0.shape) },
      to: folder.appending(path: "adapter_model.safetensors"))
    let alpha = kind == "LORA" ? #", "lora_alpha": 4"# : ""
    let config = #"{"peft_type": "\#(kind)", "r": 2"# + alpha + members + "}"
    try Data(config.utf8).write(to: folder.appending(path: "adapter_config.json"))
    adapters.append((folder.path(), strength))
  }

  func plan(_ change: (inout MergeOptions) -> Void = { _ in }) throws -> MergePlan {
    var options = MergeOptions()
    change(&options)
    let chosen = try adapters.map { (adapter: try Adapter.open($0.path), strength: $0.strength) }
    return try Planner.plan(
      try Checkpoint.open(root.appending(path: "base").path()), adapters: chosen, options: options)
  }

  /// The refusal's sentence with the scratch folder cut out of it.
  func refusal(_ change: (inout MergeOptions) -> Void = { _ in }) -> String? {
    do {
      _ = try plan(change)
      return nil
    } catch {
      let sentence =
        (error as? PlanningError)?.sentence ?? (error as? AdapterError)?.sentence
        ?? (error as? CheckpointError)?.sentence ?? "\(error)"
      return sentence.replacingOccurrences(of: root.path() + "/", with: "")
        .replacingOccurrences(of: root.path(), with: "")
    }
  }

  static func write(_ tensors: [Tensor], to url: URL) throws {
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    let size = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) * $1.dtype.bitCount / 8 }
    try Data(ShardLayout.header(tensors) + [UInt8](repeating: 0, count: size)).write(to: url)
  }

  /// A low-rank pair for a module.
  static func pair(
    _ module: String, out: Int, in width: Int, rank: Int = 2, _ dtype: DType = .f32
  ) -> [Tensor] {
    [
      ("\(module).lora_A.weight", dtype, [rank, width]),
      ("\(module).lora_B.weight", dtype, [out, rank]),
    ]
  }
}

extension MergePlan {
  /// The recipe of a tensor.
  func recipe(_ name: String) -> TensorRecipe? {
    jobs.lazy.flatMap(\.recipes).first { $0.name == name }
  }
}
