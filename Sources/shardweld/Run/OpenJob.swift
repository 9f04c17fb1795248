// A merge with its folder on disk: begun now, or taken up where an earlier run left it.
import Checkpoints
import Coordination
import Ledger
import Planning
import Publishing
import Storage

/// The hold on a merge that may write from here on.
struct OpenJob {
  let preparation: Preparation
  /// Absolute.
  let output: String
  let encoded: EncodedPlan
  let ledger: JobLedger
  let publication: Publication
  let overwrites: Bool

  var plan: MergePlan { preparation.plan }
  var folder: JobFolder { ledger.folder }

  /// Checks the output's place and the disk, then creates or takes up the job's folder.
  ///
  /// `isShared`: workers of other machines may be at work on it since an earlier coordinator.
  init(_ flags: MergeFlags, isShared: Bool = false) throws(CommandError) {
    let preparation = try Preparation(flags)
    let output = Path.absolute(flags.output)
    let folder = JobFolder(output: output)
    try wrap(CommandError.ledger) { () throws(LedgerError) in try JobLedger.sweep(folder) }
    let place = try wrap(CommandError.ledger) { () throws(LedgerError) in
      try FinishMarker.place(in: folder)
    }
    // Killed after the output got its name: what is left is to say so and to clean up.
    if place != .published {
      try preparation.checkPlace(of: output, overwrite: flags.overwrite)
    }
    if flags.restart {
      try wrap(CommandError.ledger) { () throws(LedgerError) in try JobLedger.discard(folder) }
    }
    let isNew = try wrap(CommandError.storage) { () throws(StorageError) in
      try FileStatus.of(folder.plan) == nil
    }
    if isNew { try preparation.checkSpace(for: output, doneByteCount: 0) }
    let encoded = PlanCodec.encode(preparation.plan)
    let ledger = try wrap(CommandError.ledger) { () throws(LedgerError) in
      try JobLedger.open(
        folder, plan: preparation.plan, encoded: encoded, takesOver: flags.takeover,
        keepsAttempts: isShared)
    }
    if !isNew, place != .published {
      let done = ledger.committed.values.reduce(Int64(0)) { $0 + $1.byteCount }
      try preparation.checkSpace(for: output, doneByteCount: done)
    }
    let checkpoint = preparation.checkpoint
    publication = Publication(
      folder: folder, output: output, plan: preparation.plan,
      checkpointConfig: checkpoint.configBytes,
      sideFiles: preparation.sideFiles.map { (Path.join(checkpoint.path, $0), $0) },
      adapterFiles: try preparation.adapterFiles(), baseManifest: try preparation.baseManifest(),
      tool: "shardweld \(Version.current)", epoch: ledger.epoch)
    self.preparation = preparation
    self.output = output
    self.encoded = encoded
    self.ledger = ledger
    overwrites = flags.overwrite
  }

  /// A job's recipes, as a worker would read them from plan.json.
  func slice(_ job: MergeJob) throws(CommandError) -> JobSlice {
    try reading(folder.plan) { () throws(PlanError) in try encoded.slice(job.id) }
  }

  /// The jobs as they are to be handed out.
  var facts: [JobFacts] { JobFacts.list(plan, encoded, ledger) }

  /// Removes the job's folder after success, or keeps its history.
  func close(keep: Bool) throws(CommandError) {
    try wrap(CommandError.ledger) { () throws(LedgerError) in
      if keep {
        try FinishMarker.remove(in: folder)
      } else {
        try ledger.remove()
      }
    }
  }
}
