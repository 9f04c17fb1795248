// A merge of two shards by hand, ready to be published: base, adapter, side files, commits.
import Planning
import Safetensors
import Storage
import TestSupport

@testable import Ledger
@testable import Publishing

struct TinyOutput {
  let scratch = Scratch()
  let plan: MergePlan
  let folder: JobFolder
  let output: String

  static let baseConfig = #"{"model_type": "tiny", "torch_dtype": "float32", "x": {"y": 1.50}}"#
  static let tokenizer = "{\"tokenizer\": true}\n"

  init(
    hasIndex: Bool = true, changes: [ConfigChange] = [], digest: String = "xxh3",
    layout: MergeOptions.Layout = .layers
  ) throws {
    output = scratch("out")
    folder = JobFolder(output: output)
    var options = MergeOptions()
    options.digest = digest
    options.layout = layout
    let update = Update(
      window: Window(rows: 0..<2, columns: 0..<3),
      rule: .add(TensorBytes(file: 1, offset: 64, dtype: .f32, elementCount: 6), scale: 1),
      adapter: 0, tensorNames: ["b"], origin: "alpha 16 / r 8")
    plan = MergePlan(
      basePath: scratch("base"), options: options,
      inputs: [
        InputFile(
          role: .base, path: scratch("base/model.safetensors"), name: "model.safetensors",
          byteCount: 400, modified: 5, headerDigest: Digest.xxh3("h").description),
        InputFile(
          role: .adapter(0), path: scratch("lora/adapter_model.safetensors"),
          name: "adapter_model.safetensors", byteCount: 90, modified: 6,
          headerDigest: Digest.xxh3("a").description),
      ],
      adapters: [
        PlannedAdapter(
          path: scratch("lora"), strength: 0.5, kind: "LORA",
          configDigest: Digest.xxh3("c").description)
      ],
      jobs: hasIndex
        ? [
          Self.job(0, "model-00001-of-00002.safetensors", ["z.weight", "a.weight"], [update]),
          Self.job(1, "model-00002-of-00002.safetensors", ["m.weight"], []),
        ] : [Self.job(0, "model.safetensors", ["z.weight", "a.weight"], [update])],
      hasIndex: hasIndex, configChanges: changes, setAside: [], warnings: [])
    try scratch.write("base/tokenizer.json", Self.tokenizer)
    try scratch.write("base/code/model.py", "print()\n")
    for job in plan.jobs { try writeAttempt(job.id) }
  }

  /// A job of 2 × 3 F32 tensors, the first with the updates.
  private static func job(
    _ id: Int, _ name: String, _ tensors: [String], _ updates: [Update]
  ) -> MergeJob {
    let recipes = tensors.enumerated().map { index, name in
      TensorRecipe(
        name: name, dtype: .f32, shape: [2, 3], columns: 3, offset: Int64(index * 24),
        source: TensorBytes(file: 0, offset: 64, dtype: .f32, elementCount: 6),
        updates: index == 0 ? updates : [])
    }
    var job = MergeJob(
      id: id, shardName: name, recipes: recipes, headerByteCount: 0, byteCount: 0)
    job.headerByteCount = Int64(job.header?.count ?? 0)
    job.byteCount = job.headerByteCount + Int64(24 * recipes.count)
    return job
  }

  static func tensor(_ name: String) -> [UInt8] {
    (0..<24).map { UInt8(truncatingIfNeeded: $0 + name.utf8.reduce(0) { $0 + Int($1) }) }
  }

  func shard(_ job: Int) -> [UInt8] {
    (plan.jobs[job].header ?? []) + plan.jobs[job].recipes.flatMap { Self.tensor($0.name) }
  }

  func attempt(_ job: Int) -> AttemptID { AttemptID(job: job, epoch: 1, attempt: 1) }

  func writeAttempt(_ job: Int) throws {
    try Folder.create(folder.attempts)
    try WholeFile.write(shard(job), to: folder.shard(attempt(job)))
  }

  var commits: [CommitRecord] {
    plan.jobs.map { job in
      var digester = Digester(plan.options.digest == "xxh3" ? .xxh3 : .sha256)
      unsafe digester.update(shard(job.id).span.bytes)
      return CommitRecord(
        job: job.id, shardName: job.shardName, byteCount: job.byteCount,
        digest: digester.finish().description,
        tensors: job.recipes.map {
          TensorDigests(
            output: Digest.xxh3(Self.tensor($0.name)).description,
            source: Digest.xxh3("source \($0.name)").description,
            update: $0.isCopy ? nil : UpdateStatistics(baseNorm: 3, updateNorm: 0.1, moved: 2))
        },
        attempt: attempt(job.id), host: "n1", processID: 7, milliseconds: 12, readBackBy: "")
    }
  }

  var publication: Publication { publication() }

  func publication(
    sideFiles: [(from: String, name: String)]? = nil, baseManifest: Manifest? = nil
  ) -> Publication {
    Publication(
      folder: folder, output: output, plan: plan,
      checkpointConfig: Array(Self.baseConfig.utf8),
      sideFiles: sideFiles ?? [
        (scratch("base/tokenizer.json"), "tokenizer.json"),
        (scratch("base/code/model.py"), "code/model.py"),
      ],
      adapterFiles: [[adapterFile]], baseManifest: baseManifest, tool: "shardweld 0")
  }

  var adapterFile: FileDigest {
    FileDigest(
      name: "adapter_model.safetensors", byteCount: 90,
      digest: Digest.xxh3("adapter").description)
  }

  func place() throws {
    for job in plan.jobs { try publication.place(attempt(job.id), job: job) }
  }

  @discardableResult
  func publish(overwrite: Bool = false) throws -> PublishedSummary {
    try place()
    return try publication.finish(commits: commits, overwrite: overwrite)
  }

  func read(_ name: String) throws -> [UInt8] {
    try WholeFile.read(Path.join(output, name))
  }

  /// Changes one bit of a file of the output.
  func flip(_ name: String, at offset: Int) throws {
    var bytes = try read(name)
    bytes[offset] ^= 1
    try WholeFile.write(bytes, to: Path.join(output, name))
  }

  func verify() throws -> VerifyReport { try OutputVerifier.verify(output) { _, _ in } }

  func sentence(_ body: () throws -> Void) -> String? {
    do { try body() } catch let error as PublishingError { return error.sentence } catch {
      return "\(error)"
    }
    return nil
  }
}
