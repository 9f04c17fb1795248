// A merge small enough to make by hand: a base of four matrices and an adapter for three of them,
// cut into jobs of one tensor each.
import Coordination
import Kernels
import Ledger
import Merging
import Planning
import Publishing
import Safetensors
import Storage
import TestSupport

struct TinyMerge {
  let scratch = Scratch()
  let plan: MergePlan
  let encoded: EncodedPlan
  let publication: Publication

  static let rows = 48
  static let columns = 32
  static let rank = 4

  /// `scale`: of every update; one that is not finite makes its job fail for good.
  init(jobs: Int = 4, scale: Double = 0.5) throws {
    var random = SeededGenerator(seed: 7)
    let base = (0..<jobs).map { index in
      SampleTensor("layer.\(index).weight", .bf16, [Self.rows, Self.columns], from: &random)
    }
    let factors = [
      SampleTensor("b", .f32, [Self.rows, Self.rank], from: &random),
      SampleTensor("a", .f32, [Self.rank, Self.columns], from: &random),
    ]
    try scratch.write("base/model.safetensors", base)
    try scratch.write("adapter/adapter_model.safetensors", factors)
    try scratch.write("base/config.json", "{\"model_type\": \"tiny\"}\n")
    let inputs = try [
      Self.input(.base, scratch("base/model.safetensors")),
      Self.input(.adapter(0), scratch("adapter/adapter_model.safetensors")),
    ]
    let headers = try inputs.map { try ShardHeader.read($0.path) }
    let planned = (0..<jobs).map { index in
      Self.job(index, of: jobs, headers: headers, scale: scale)
    }
    plan = MergePlan(
      basePath: scratch("base"), options: MergeOptions(), inputs: inputs,
      adapters: [
        PlannedAdapter(
          path: scratch("adapter"), strength: 1, kind: "LORA",
          configDigest: Digest.xxh3("config").description)
      ],
      jobs: planned, hasIndex: true, configChanges: [], setAside: [], warnings: [])
    encoded = PlanCodec.encode(plan)
    publication = Publication(
      folder: JobFolder(output: scratch("output")), output: scratch("output"), plan: plan,
      checkpointConfig: try scratch.read("base/config.json"), sideFiles: [],
      adapterFiles: [[try FileDigest.of(inputs[1].path, name: inputs[1].name)]],
      tool: "shardweld test")
  }

  private static func input(_ role: InputFile.Role, _ path: String) throws -> InputFile {
    let header = try ShardHeader.read(path)
    return InputFile(
      role: role, path: path, name: Path.name(path), byteCount: header.fileByteCount,
      modified: header.modified, headerDigest: header.digest.description)
  }

  /// The first tensor is copied, the others take the update.
  private static func job(
    _ index: Int, of count: Int, headers: [ShardHeader], scale: Double
  ) -> MergeJob {
    func offset(_ file: Int, _ name: String) -> Int64 {
      let entry = headers[file].tensors.first { $0.name == name }
      return headers[file].headerByteCount + (entry?.byteRange.lowerBound ?? 0)
    }
    let name = "layer.\(index).weight"
    let update = Update(
      window: Window(rows: 0..<rows, columns: 0..<columns),
      rule: .lowRank(
        LowRank(
          left: Factor(
            file: 1, offset: offset(1, "b"), dtype: .f32, rowStride: rank, columnStride: 1),
          right: Factor(
            file: 1, offset: offset(1, "a"), dtype: .f32, rowStride: columns, columnStride: 1),
          rank: rank, scale: scale)),
      adapter: 0, tensorNames: ["b", "a"], origin: "alpha 2 / r 4")
    let recipe = TensorRecipe(
      name: name, dtype: .bf16, shape: [rows, columns], columns: columns, offset: 0,
      source: TensorBytes(
        file: 0, offset: offset(0, name), dtype: .bf16, elementCount: rows * columns),
      updates: index == 0 ? [] : [update])
    var job = MergeJob(
      id: index, shardName: "model-0000\(index + 1)-of-0000\(count).safetensors",
      recipes: [recipe], headerByteCount: 0, byteCount: 0)
    job.headerByteCount = Int64(job.header?.count ?? 0)
    job.byteCount = job.headerByteCount + recipe.byteCount
    return job
  }

  var output: String { scratch("output") }
  var folder: JobFolder { JobFolder(output: output) }

  func openLedger() throws -> JobLedger {
    try JobLedger.open(folder, plan: plan, encoded: encoded, watchMilliseconds: 0)
  }

  /// Another coordinator takes the job over.
  func takeOver() throws -> JobLedger {
    try JobLedger.open(
      folder, plan: plan, encoded: encoded, takesOver: true, keepsAttempts: true,
      watchMilliseconds: 0)
  }

  /// The jobs as they are handed out.
  func facts(_ ledger: JobLedger) -> [JobFacts] {
    zip(plan.jobs, encoded.slices).map { job, slice in
      JobFacts(
        id: job.id, shardName: job.shardName, byteCount: job.byteCount, slice: slice,
        isCommitted: ledger.committed[job.id] != nil,
        orphans: ledger.orphans.filter { $0.job == job.id })
    }
  }

  /// The shards as one process makes them, with no network.
  func expectedShards() throws -> [[UInt8]] {
    try zip(plan.jobs, encoded.slices).map { job, slice in
      let start = Int(slice.offset)
      let bytes = Array(encoded.bytes[start..<start + Int(slice.byteCount)])
      let path = scratch("expected-\(job.id)")
      _ = try ShardMerge(
        slice: try PlanCodec.decodeSlice(bytes), threads: 1, memoryByteCount: 64_000_000
      ).run(to: path) { _ in true }
      return try WholeFile.read(path)
    }
  }
}
