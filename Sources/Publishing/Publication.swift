// From committed shards to an output that appears at once. Every step looks at what is there first,
// so that all of it may be repeated after a crash at any point:
//
//   place    attempt/ID.shard → publish/NAME, one by one, as jobs are committed
//   finish   publish/: side files, config.json, shardweld.json, index last; all flushed
//            finish.json in the job's folder: publish/ is whole
//            publish/ → OUTPUT, or the two swap names and the old output is removed
import Ledger
package import Planning
import Storage

/// Puts one merge's output together.
package struct Publication: Sendable {
  package let folder: JobFolder
  /// Absolute.
  package let output: String
  let plan: MergePlan
  /// The base's config.json, nil where it has none.
  let baseConfig: [UInt8]?
  let sideFiles: [(from: String, name: String)]
  let adapterFiles: [[FileDigest]]
  let earlierAdapters: [Manifest.Adapter]
  let tool: String
  /// Of the coordinator that publishes; nil asks for no check.
  let epoch: UInt64?

  /// `sideFiles`: where each lies and its name in the output. `adapterFiles`: per adapter of the
  /// plan, its files of tensors with their whole digests. `baseManifest`: of a base that was itself
  /// merged by this tool. `tool`: name and version, as the manifest says them. `epoch`: once a
  /// later coordinator has taken over, `finish` stops instead of publishing beside it.
  package init(
    folder: JobFolder, output: String, plan: MergePlan, checkpointConfig: [UInt8]?,
    sideFiles: [(from: String, name: String)], adapterFiles: [[FileDigest]],
    baseManifest: Manifest? = nil, tool: String, epoch: UInt64? = nil
  ) {
    self.folder = folder
    self.output = output
    self.plan = plan
    baseConfig = checkpointConfig
    self.sideFiles = sideFiles
    self.adapterFiles = adapterFiles
    earlierAdapters = baseManifest.map { $0.earlierAdapters + $0.adapters } ?? []
    self.tool = tool
    self.epoch = epoch
  }

  // MARK: Shards

  /// Gives a committed attempt's shard its final name in publish/, durably; never overwrites.
  ///
  /// Already done is fine: the shard stands there as planned and the attempt's file is gone.
  package func place(_ attempt: AttemptID, job: MergeJob) throws(PublishingError) {
    let target = folder.published(job.shardName)
    let source = folder.shard(attempt)
    let place = try PublishingError.wrappingLedger { () throws(LedgerError) in
      try FinishMarker.place(in: folder)
    }
    if place == .published { return }
    if try ShardCheck.state(target, job) == .absent {
      try ShardCheck.check(source, against: job)
      try PublishingError.wrapping { () throws(StorageError) in
        try Folder.create(Path.parent(target), below: folder.path)
        // The names above the shard, made by the first one placed. Durable before it moves: a power
        // cut must not take a folder that holds the only name of a committed shard.
        var above = Path.parent(target)
        while above != folder.path {
          above = Path.parent(above)
          try Folder.flush(above)
        }
        try WholeFile.moveIfAbsent(from: source, to: target)
      }
    }
    try ShardCheck.check(target, against: job)
    // Without renames that refuse to overwrite, a crash leaves both names.
    try PublishingError.wrapping { () throws(StorageError) in try Folder.removeTree(source) }
  }
}

/// What was published.
package struct PublishedSummary: Equatable, Sendable {
  package var output: String
  package var shardCount: Int
  package var tensorCount: Int
  /// Bytes of all shards' files.
  package var byteCount: Int64
  /// Config, index and side files.
  package var fileCount: Int
  /// Equal exactly for equal outputs.
  package var outputDigest: String

  package init(
    output: String, shardCount: Int, tensorCount: Int, byteCount: Int64, fileCount: Int,
    outputDigest: String
  ) {
    self.output = output
    self.shardCount = shardCount
    self.tensorCount = tensorCount
    self.byteCount = byteCount
    self.fileCount = fileCount
    self.outputDigest = outputDigest
  }
}
