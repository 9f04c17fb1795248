// A merge of two jobs by hand: its plan, its shards' bytes and its commit records.
import Planning
import Storage
import TestSupport

@testable import Ledger

struct TinyMerge {
  let scratch = Scratch()
  let plan: MergePlan

  var folder: JobFolder { JobFolder(output: scratch("out")) }
  var encoded: EncodedPlan { PlanCodec.encode(plan) }

  init(layout: String = "layers") throws {
    plan = try Self.plan(layout: layout)
  }

  static func digest(_ seed: Int) -> String { Digest.xxh3("\(seed)").description }

  /// Written as text, as the coordinator would find it.
  static func plan(layout: String) throws -> MergePlan {
    let options =
      #"{"layout":"\#(layout)","maxShardByteCount":null,"dtype":"keep","digest":"xxh3","#
      + #""nonFinite":"refuse"}"#
    let input =
      #""role":-1,"path":"/base/model.safetensors","name":"model.safetensors","#
      + #""byteCount":4096,"modified":5,"headerDigest":"\#(digest(0))"}"#
    func job(_ id: Int) -> String {
      #"{"plan":1,"job":\#(id),"shard":"model-0000\#(id + 1)-of-00002.safetensors","#
        + #""headerByteCount":120,"byteCount":136,"options":\#(options),"#
        + #""inputs":[{"index":0,\#(input)],"recipes":[{"name":"t\#(id)","dtype":"F32","#
        + #""shape":[4],"columns":1,"offset":0,"source":[0,128,"F32",4]}]}"#
    }
    let text =
      #"{"plan":1,"contract":"f32-once","base":"/base","options":\#(options),"adapters":[],"#
      + #""inputs":[{\#(input)],"hasIndex":true,"configChanges":[],"setAside":[],"#
      + #""warnings":[],"jobs":[\#(job(0)),\#(job(1))]}"#
    var plan = try PlanCodec.decode(Array(text.utf8))
    for index in plan.jobs.indices {
      plan.jobs[index].headerByteCount = Int64(plan.jobs[index].header?.count ?? 0)
      plan.jobs[index].byteCount = plan.jobs[index].headerByteCount + 16
    }
    return plan
  }

  func open() throws -> JobLedger {
    try JobLedger.open(folder, plan: plan, encoded: encoded, watchMilliseconds: 300)
  }

  func shard(_ job: Int) -> [UInt8] {
    (plan.jobs[job].header ?? []) + Array(repeating: 7, count: 16)
  }

  func attempt(_ job: Int, epoch: UInt64 = 1) -> AttemptID {
    AttemptID(job: job, epoch: epoch, attempt: 1)
  }

  func commitRecord(_ job: Int, epoch: UInt64 = 1) -> CommitRecord {
    CommitRecord(
      job: job, shardName: plan.jobs[job].shardName, byteCount: plan.jobs[job].byteCount,
      digest: Digest.xxh3(shard(job)).description,
      tensors: [TensorDigests(output: Self.digest(1), source: Self.digest(2))],
      attempt: attempt(job, epoch: epoch), host: "n1", processID: 7, milliseconds: 12,
      readBackBy: "n2/8")
  }

  /// What a worker leaves.
  func writeAttempt(_ job: Int, epoch: UInt64 = 1) throws {
    try WholeFile.write(shard(job), to: folder.shard(attempt(job, epoch: epoch)))
    try WholeFile.write([1], to: folder.record(attempt(job, epoch: epoch)))
  }

  func writePublished(_ job: Int, _ bytes: [UInt8]? = nil) throws {
    try Folder.create(folder.publish)
    try WholeFile.write(
      bytes ?? shard(job), to: folder.published(plan.jobs[job].shardName))
  }

  func exists(_ path: String) throws -> Bool { try FileStatus.of(path) != nil }
}
