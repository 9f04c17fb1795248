// A merge of a few tiny shards, all of it known beforehand: plan, shards' bytes, side files. Shards
// have real headers and some hundred bytes, so that a life of a coordinator takes microseconds.
package import Ledger
package import Planning
package import Publishing
import Safetensors
package import Storage

/// A merge by hand, below one folder of any disk.
package struct SmallMerge: Sendable {
  package let plan: MergePlan
  package let encoded: EncodedPlan
  /// Where the output shall appear.
  package let output: String
  package let folder: JobFolder
  private let base: String
  /// Of each job, the bytes of its shard and what is recorded of them.
  private let shards: [[UInt8]]
  private let digests: [String]
  private let tensors: [[TensorDigests]]

  private static let config = #"{"model_type": "tiny", "torch_dtype": "float32"}"#
  private static let tokenizer = "{\"tokenizer\": true}\n"

  /// `root` must be there when `writeInputs` is called.
  package init(jobCount: Int, root: String = "/data") {
    output = Path.join(root, "out")
    base = Path.join(root, "base")
    folder = JobFolder(output: output)
    plan = MergePlan(
      basePath: base, options: MergeOptions(),
      inputs: [
        InputFile(
          role: .base, path: Path.join(base, "model.safetensors"), name: "model.safetensors",
          byteCount: 400, modified: 5, headerDigest: Digest.xxh3("header").description),
        InputFile(
          role: .adapter(0), path: Path.join(root, "lora/adapter_model.safetensors"),
          name: "adapter_model.safetensors", byteCount: 90, modified: 6,
          headerDigest: Digest.xxh3("adapter header").description),
      ],
      adapters: [
        PlannedAdapter(
          path: Path.join(root, "lora"), strength: 0.5, kind: "LORA",
          configDigest: Digest.xxh3("config").description)
      ],
      jobs: (0..<jobCount).map { Self.job($0, of: jobCount) }, hasIndex: jobCount > 1,
      configChanges: [ConfigChange(path: ["merged"], value: "true")], setAside: [], warnings: [])
    encoded = PlanCodec.encode(plan)
    shards = plan.jobs.map { job in job.recipes.reduce(job.header ?? []) { $0 + Self.tensor($1) } }
    digests = shards.map { Digest.xxh3($0).description }
    tensors = plan.jobs.map { job in
      job.recipes.map {
        TensorDigests(
          output: Digest.xxh3(Self.tensor($0)).description,
          source: Digest.xxh3("source \($0.name)").description)
      }
    }
  }

  /// A job of two F32 tensors, the first with an update.
  private static func job(_ id: Int, of count: Int) -> MergeJob {
    let update = Update(
      window: Window(rows: 0..<8, columns: 0..<12),
      rule: .add(TensorBytes(file: 1, offset: 64, dtype: .f32, elementCount: 96), scale: 1),
      adapter: 0, tensorNames: ["b"], origin: "alpha 16 / r 8")
    let source = TensorBytes(file: 0, offset: 64, dtype: .f32, elementCount: 96)
    let recipes = ["weight", "bias"].enumerated().map { index, name in
      TensorRecipe(
        name: "layers.\(id).\(name)", dtype: .f32, shape: [8, 12], columns: 12,
        offset: Int64(index * 384), source: source, updates: index == 0 ? [update] : [])
    }
    let name = count == 1 ? "model" : "model-\(padded(id + 1))-of-\(padded(count))"
    var job = MergeJob(
      id: id, shardName: name + ".safetensors", recipes: recipes, headerByteCount: 0,
      byteCount: 0)
    job.headerByteCount = Int64(job.header?.count ?? 0)
    job.byteCount = job.headerByteCount + 768
    return job
  }

  private static func padded(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }

  // MARK: What a right merge makes

  /// The bytes of one tensor.
  private static func tensor(_ recipe: TensorRecipe) -> [UInt8] {
    let seed = recipe.name.utf8.reduce(0) { $0 &* 31 &+ Int($1) }
    return (0..<Int(recipe.byteCount)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ seed) }
  }

  /// The bytes of a shard.
  package func shard(_ job: Int) -> [UInt8] { shards[job] }

  /// What a processor makes that computes wrongly: the last byte is another.
  package func wrongShard(_ job: Int) -> [UInt8] {
    var bytes = shards[job]
    bytes[bytes.count - 1] ^= 1
    return bytes
  }

  /// What is recorded of an attempt; deterministic but for who made it.
  package func record(
    _ attempt: AttemptID, host: String, processID: Int, isWrong: Bool = false
  ) -> AttemptRecord {
    let digest =
      isWrong ? Digest.xxh3(wrongShard(attempt.job)).description : digests[attempt.job]
    var made = tensors[attempt.job]
    if isWrong { made[made.count - 1].output = digest }
    return AttemptRecord(
      attempt: attempt, byteCount: plan.jobs[attempt.job].byteCount, digest: digest,
      tensors: made, host: host, processID: processID, milliseconds: 1, kernel: "plain")
  }

  /// Of the record a worker left, and who read the shard back.
  package func commit(_ record: AttemptRecord, readBackBy: String) -> CommitRecord {
    let job = plan.jobs[record.attempt.job]
    return CommitRecord(
      job: job.id, shardName: job.shardName, byteCount: record.byteCount, digest: record.digest,
      tensors: record.tensors, attempt: record.attempt, host: record.host,
      processID: record.processID, milliseconds: record.milliseconds, readBackBy: readBackBy)
  }

  /// As the coordinator of an epoch publishes it.
  package func publication(epoch: UInt64) -> Publication {
    let files = ["tokenizer.json", "code/model.py"]
    return Publication(
      folder: folder, output: output, plan: plan, checkpointConfig: Array(Self.config.utf8),
      sideFiles: files.map { (from: Path.join(base, $0), name: $0) },
      adapterFiles: [
        [
          FileDigest(
            name: "adapter_model.safetensors", byteCount: 90,
            digest: Digest.xxh3("adapter").description)
        ]
      ],
      tool: "shardweld 0", epoch: epoch)
  }

  /// Writes the base's side files, durably, below a root that is there.
  package func writeInputs() throws(StorageError) {
    for (name, text) in [("tokenizer.json", Self.tokenizer), ("code/model.py", "print()\n")] {
      let path = Path.join(base, name)
      try Folder.create(Path.parent(path))
      try WholeFile.write(Array(text.utf8), to: path)
    }
    for folder in [base, Path.parent(base), "/"] { try Folder.flush(folder) }
  }
}
