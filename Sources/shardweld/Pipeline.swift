// The whole merge in one process, stage after stage, with no network: the first file to read. A run
// with workers does the same; only the loop in the middle is handed out to other processes, and its
// output is compared with this one's byte for byte.
import Ledger
import Merging
import Planning
import Publishing
import Storage
import Working

enum Pipeline {
  /// Merges and publishes; `report` is told bytes of shards done and may say stop.
  static func run(
    _ flags: MergeFlags, answers: [KnownAnswers.Entry] = KnownAnswers.entries,
    report: (Progress) -> Bool
  ) throws(CommandError) -> MergeResult {
    // prove: this machine computes and digests as it must, or it merges nothing.
    if let difference = KnownAnswers.difference(from: answers) {
      throw .configuration(WorkerExit.unsound(reason: difference.sentence).sentence ?? "")
    }

    let threads = flags.threads ?? 1
    let memory = try MemoryLimit.own(flags.memoryLimit, threads: threads, .own)
    let traffic = Traffic(bytesPerSecond: flags.ioLimit)
    let allowance = CacheAllowance.ofHost()

    // open, adapt, plan: inputs → headers → updates → recipes. Refuses what does not fit.
    let job = try OpenJob(flags)
    var result = MergeResult(job)
    var done = result.resumedByteCount

    // hand out, carry, work: here a loop.
    for shard in job.plan.jobs where job.ledger.committed[shard.id] == nil {
      let attempt = AttemptID(job: shard.id, epoch: job.ledger.epoch, attempt: 1)
      let path = job.folder.shard(attempt)
      let before = done
      let start = Clock.milliseconds
      job.ledger.note(JournalEntry(kind: "assigned", attempt: attempt, text: "merge"))
      func tell(_ phase: String, _ bytes: Int64) -> Bool {
        report(
          result.progress(
            phase: phase, byteCount: before + bytes, jobsDone: job.ledger.committed.count))
      }

      // merge: recipes → one shard file, tile by tile, digested as it is written, flushed.
      let merge = ShardMerge(
        slice: try job.slice(shard), threads: threads, memoryByteCount: memory, traffic: traffic,
        allowance: allowance)
      let merged = try wrap(CommandError.merging) { () throws(MergingError) in
        try merge.run(to: path) { tell("merging", $0) }
      }

      // verify: the bytes on the device are the bytes that were computed.
      if flags.verify == .readback {
        let back = try wrap(CommandError.merging) { () throws(MergingError) in
          try ReadBack.run(
            path, algorithm: flags.digest, fromDevice: true, traffic: traffic
          ) { _ in tell("reading back", 0) }
        }
        guard back.digest == merged.digest else {
          throw .failed("\(path) reads back as \(back.digest), written was \(merged.digest)")
        }
      }

      // commit: from here on this shard is never computed again.
      let record = CommitRecord(
        job: shard.id, shardName: shard.shardName, byteCount: merged.byteCount,
        digest: merged.digest.description, tensors: merged.tensors, attempt: attempt,
        host: Host.name, processID: Host.processID,
        milliseconds: Int(Clock.milliseconds - start), readBackBy: "")
      _ = try wrap(CommandError.ledger) { () throws(LedgerError) in try job.ledger.commit(record) }
      try wrap(CommandError.publishing) { () throws(PublishingError) in
        try job.publication.place(attempt, job: shard)
      }
      job.ledger.note(JournalEntry(kind: "committed", attempt: attempt))
      done += shard.byteCount
    }

    // publish: side files, config, manifest, index last; then the output appears.
    result.published = try wrap(CommandError.publishing) { () throws(PublishingError) in
      try job.publication.finish(
        commits: Array(job.ledger.committed.values), overwrite: flags.overwrite)
    }
    try job.close(keep: flags.keepJob)
    return result
  }
}
