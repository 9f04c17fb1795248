// The files around an input: golden cases, copied to where they may be changed, in memory where
// there is such a place.
import Adapters
import Checkpoints
import Glibc
import Planning
import Storage
import TestSupport

/// A folder for the files that targets need, removed with its owner.
package final class FuzzPlace {
  private let scratch: Scratch

  /// Cases whose files and plans are the valid inputs: one of each kind of update.
  static let caseNames = [
    "bert-cls", "conv2d-dora", "dora", "embedding-lm-head", "gpt2-conv1d", "lora-bf16", "lora-bias",
    "mixtral-experts", "modules-to-save", "qwen3moe-experts", "rank-alpha-pattern",
    "tied-embedding", "trainable-tokens", "q-nf4-double", "q-gptq-actorder", "q-fp8-block",
  ]

  /// The folder of all golden cases.
  static let cases = {
    let tests = Path.parent(Path.parent(#filePath))
    return Path.join(tests, "Fixtures/cases")
  }()

  package init() { scratch = Scratch() }

  /// The path of a name in the place's folder.
  func callAsFunction(_ name: String) -> String { scratch(name) }

  /// Copies of all cases below a folder of a target's own.
  func copies(_ folder: String) throws -> [FuzzCase] {
    try Self.caseNames.map { try FuzzCase(copying: $0, to: scratch(folder)) }
  }

  /// Plans of all cases as they lie among the fixtures.
  func plans() throws -> [MergePlan] {
    try Self.caseNames.map { name in
      try FuzzCase(name, in: Path.join(Self.cases, name)).plan().get()
    }
  }

  /// Replaces a file, without a flush.
  static func put(_ bytes: [UInt8], at path: String, mode: UInt32 = 0o644) throws(StorageError) {
    try Folder.removeTree(path)
    let file = try File.create(path, mode: mode)
    try file.write(bytes, at: 0)
    try file.close()
  }
}

/// Why an input was refused; empty where the error has no sentence.
struct FuzzRefusal: Error {
  let sentence: String
}

/// A golden case: a base and an adapter that fit.
struct FuzzCase {
  let name: String
  let base: String
  let adapter: String

  init(_ name: String, in folder: String) {
    self.name = name
    base = Path.join(folder, "base")
    adapter = Path.join(folder, "adapter")
  }

  /// Copies a case's base and adapter, without folders in them.
  init(copying name: String, to folder: String) throws {
    let source = FuzzCase(name, in: Path.join(FuzzPlace.cases, name))
    self.init(name, in: Path.join(folder, name))
    for (from, to) in [(source.base, base), (source.adapter, adapter)] {
      try Folder.create(to)
      for file in try Folder.list(from) {
        try FuzzPlace.put(WholeFile.read(Path.join(from, file)), at: Path.join(to, file))
      }
    }
  }

  /// The plan of the files as they are now, or why there is none.
  func plan() -> Result<MergePlan, FuzzRefusal> {
    do {
      let checkpoint = try Checkpoint.open(base)
      let adapter = try Adapter.open(adapter)
      return .success(
        try Planner.plan(checkpoint, adapters: [(adapter, 0.5)], options: MergeOptions()))
    } catch let error as CheckpointError {
      return .failure(FuzzRefusal(sentence: error.sentence))
    } catch let error as AdapterError {
      return .failure(FuzzRefusal(sentence: error.sentence))
    } catch let error as PlanningError {
      return .failure(FuzzRefusal(sentence: error.sentence))
    } catch { return .failure(FuzzRefusal(sentence: "")) }
  }
}
