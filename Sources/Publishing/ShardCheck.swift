import Ledger
package import Planning
import Storage

/// Whether a finished file can be a job's shard: its size and its header, byte for byte.
package enum ShardCheck {
  package static func check(_ path: String, against job: MergeJob) throws(PublishingError) {
    switch try state(path, job) {
    case .asPlanned: return
    case .absent: throw .shardMissing(path: path)
    case .size(let expected, let found):
      throw .shardSize(path: path, expected: expected, found: found)
    case .header(let offset): throw .shardHeader(path: path, offset: offset)
    }
  }

  static func state(_ path: String, _ job: MergeJob) throws(PublishingError) -> ShardState {
    try PublishingError.wrapping { () throws(StorageError) in
      try ShardState.of(path, job: job)
    }
  }
}
