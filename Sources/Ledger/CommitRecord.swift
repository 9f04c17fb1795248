// commit/00012.json: job 12 is done, by this attempt, with these digests.
//
//   {"job":12,"shard":"model-00013-of-00200.safetensors","byteCount":4096,"digest":"xxh3:…",
//    "tensors":[["xxh3:…","xxh3:…",{"baseNorm":12.5,…}]],"attempt":[12,3,1],"host":"n1",
//    "processID":77,"milliseconds":1200,"readBackBy":"n2/81"}
import OrderedJSON
package import Planning

/// That a job is done; the truth about it.
package struct CommitRecord: Equatable, Sendable {
  package var job: Int
  package var shardName: String
  package var byteCount: Int64
  /// Digest of the whole shard in the plan's algorithm.
  package var digest: String
  /// One per recipe, in order.
  package var tensors: [TensorDigests]
  package var attempt: AttemptID
  /// Who wrote the shard.
  package var host: String
  package var processID: Int
  package var milliseconds: Int
  /// Who read it back, empty where nobody did.
  package var readBackBy: String

  package init(
    job: Int, shardName: String, byteCount: Int64, digest: String, tensors: [TensorDigests],
    attempt: AttemptID, host: String, processID: Int, milliseconds: Int, readBackBy: String
  ) {
    self.job = job
    self.shardName = shardName
    self.byteCount = byteCount
    self.digest = digest
    self.tensors = tensors
    self.attempt = attempt
    self.host = host
    self.processID = processID
    self.milliseconds = milliseconds
    self.readBackBy = readBackBy
  }

  /// True where both say the same of the shard, whoever made it.
  package func agrees(with other: CommitRecord) -> Bool {
    job == other.job && shardName == other.shardName && byteCount == other.byteCount
      && digest == other.digest && tensors == other.tensors
  }

  /// True where the record can be of this job.
  package func fits(_ job: MergeJob, digest algorithm: String) -> Bool {
    self.job == job.id && shardName == job.shardName && byteCount == job.byteCount
      && tensors.count == job.recipes.count && attempt.job == job.id
      && digest.hasPrefix(algorithm + ":")
  }

  package func encode() -> [UInt8] {
    var writer = JSONWriter(indent: nil)
    writer.object { writer in
      writer.member("job", job)
      writer.member("shard", shardName)
      writer.member("byteCount", byteCount)
      writer.member("digest", digest)
      writer.key("tensors")
      TensorDigests.write(tensors, to: &writer)
      writer.key("attempt")
      attempt.write(to: &writer)
      writer.member("host", host)
      writer.member("processID", processID)
      writer.member("milliseconds", milliseconds)
      writer.member("readBackBy", readBackBy)
    }
    return writer.bytes + [UInt8(ascii: "\n")]
  }

  package static func decode(_ bytes: [UInt8]) throws(PlanError) -> CommitRecord {
    var reader = try JSONReader.of(bytes)
    var record = CommitRecord(
      job: 0, shardName: "", byteCount: 0, digest: "", tensors: [],
      attempt: AttemptID(job: 0, epoch: 0, attempt: 0), host: "", processID: 0, milliseconds: 0,
      readBackBy: "")
    var missing = RequiredMembers([
      "job", "shard", "byteCount", "digest", "tensors", "attempt", "host", "processID",
      "milliseconds", "readBackBy",
    ])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "job": record.job = try reader.count(key)
      case "shard": record.shardName = try reader.text()
      case "byteCount": record.byteCount = try reader.size(key)
      case "digest": record.digest = try reader.digest(key)
      case "tensors": record.tensors = try TensorDigests.read(from: &reader)
      case "attempt": record.attempt = try AttemptID.read(from: &reader)
      case "host": record.host = try reader.text()
      case "processID": record.processID = try reader.count(key)
      case "milliseconds": record.milliseconds = try reader.count(key)
      case "readBackBy": record.readBackBy = try reader.text()
      default: try reader.forget()
      }
    }
    try missing.check()
    try reader.end()
    return record
  }
}
