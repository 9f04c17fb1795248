// A job's folder with thousands of commits, as a coordinator that died late would leave it.
import Coordination
import Ledger
import Planning
import Simulation
import Storage

/// A merge of tiny shards, all but a few of them committed and in place.
struct RestartScene {
  private let merge: SmallMerge
  var planDigest: String { merge.encoded.digest.description }

  init(folder: String, committed: Int, left: Int) throws {
    merge = SmallMerge(jobCount: committed + left, root: folder)
    for path in [merge.folder.commits, merge.folder.publish] { try Folder.create(path) }
    try Self.write(merge.encoded.bytes, merge.folder.plan)
    for job in 0..<committed {
      let attempt = AttemptID(job: job, epoch: 1, attempt: 1)
      let record = merge.record(attempt, host: "n1", processID: 7)
      try Self.write(
        merge.commit(record, readBackBy: "n2/8").encode(), merge.folder.commit(job))
      try Self.write(
        merge.shard(job), merge.folder.published(merge.plan.jobs[job].shardName))
    }
  }

  /// Takes the folder up, as the command does.
  func open() throws -> ([JobFacts], JobLedger) {
    let ledger = try JobLedger.open(
      merge.folder, plan: merge.plan, encoded: merge.encoded, keepsAttempts: true)
    return (JobFacts.list(merge.plan, merge.encoded, ledger) { _, _ in 0 }, ledger)
  }

  /// Without a flush: nothing here has to survive.
  private static func write(_ bytes: [UInt8], _ path: String) throws {
    let file = try File.create(path)
    try file.write(bytes, at: 0)
    try file.close()
  }
}
