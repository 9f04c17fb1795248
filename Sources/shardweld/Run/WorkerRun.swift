// A merge whose jobs are done by workers: the loop in the middle of `Pipeline`, handed out.
import Coordination
import Glibc
import Ledger
import Messaging
import Planning
import Storage

/// The coordinator's part of a run.
struct WorkerRun {
  let job: OpenJob
  let flags: MergeFlags
  let printer: ProgressPrinter
  let log: Log
  let signals: SignalSource

  /// Local workers over a private socket.
  func runLocally() throws(CommandError) -> MergeResult {
    // Nobody else will come who has more.
    if let shortage = Self.shortage(job.facts, limit: flags.memoryLimit) {
      throw .refused(shortage)
    }
    PrivateFolder.removeLeftovers(log)
    let folder = try PrivateFolder()
    defer { folder.remove(log) }
    let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    let count = Self.localCount(
      flags, cores: cores, jobsLeft: job.plan.jobs.count - job.ledger.committed.count)
    let threads = flags.threads ?? max(1, cores / count)
    let recipe = LocalWorkers.Recipe(
      count: count,
      words: [
        "worker", "--connect", folder.endpoint, "--keys", folder.keys, "--threads", "\(threads)",
        "--memory-limit", "\(flags.memoryLimit)", "--progress", "none", "--log-level",
        flags.logLevel.rawValue,
      ])
    return try run(endpoint: folder.endpoint, keys: folder.keys, local: recipe)
  }

  /// Why workers of so much memory could never finish; nil where they can.
  static func shortage(_ jobs: [JobFacts], limit: Int64) -> String? {
    let left = jobs.filter { !$0.isCommitted }
    guard let most = left.max(by: { $0.memoryByteCount < $1.memoryByteCount }),
      most.memoryByteCount > limit
    else { return nil }
    return "\(most.shardName) needs a worker with \(Amount.bytes(most.memoryByteCount)) of memory, "
      + "but --memory-limit is \(Amount.bytes(limit)); give --memory-limit "
      + Quantity.text(most.memoryByteCount)
  }

  /// Worker processes of this machine: as told, or one per core; no more than have a job, but two
  /// where one shall check the other's merges.
  static func localCount(_ flags: MergeFlags, cores: Int, jobsLeft: Int) -> Int {
    max(min(flags.workers ?? cores, jobsLeft), flags.audit > 0 ? 2 : 1)
  }

  /// Workers that come over the network, or the local ones.
  func run(
    endpoint: String, keys: String, local: LocalWorkers.Recipe?
  ) throws(CommandError) -> MergeResult {
    let (pair, allowed) = try wrap(CommandError.messaging) { () throws(MessagingError) in
      try KeyFolder.coordinator(keys)
    }
    let link = try wrap(CommandError.messaging) { () throws(MessagingError) in
      try RouterLink(endpoint: endpoint, keys: pair, allowList: allowed)
    }
    var result = MergeResult(job)
    var options = CoordinatorShell.Options()
    options.readsBack = flags.verify == .readback
    options.auditPercent = flags.audit
    if local == nil {
      log.info("waiting for workers on \(link.endpoint), key \(pair.publicKey.text)")
    }
    let (display, journal) = (printer, log)
    let disk = DiskThread(
      DiskWork(
        ledger: job.ledger, publication: job.publication, jobs: job.plan.jobs,
        overwrites: flags.overwrite))
    let shell = CoordinatorShell(
      jobs: job.facts, folder: job.folder, epoch: job.ledger.epoch,
      planDigest: job.encoded.digest.description, disk: disk, link: link, signals: signals,
      options: options,
      report: { snapshot in
        display.update(
          Progress(
            phase: snapshot.phase, jobsDone: snapshot.jobsDone, jobsTotal: snapshot.jobsTotal,
            bytesDone: snapshot.bytesDone, bytesTotal: snapshot.bytesTotal,
            workers: snapshot.workers))
      },
      remark: { remark in Self.tell(remark, journal) })
    let workers = local.map { LocalWorkers($0, events: shell.processes, log: log) }
    workers?.start()
    defer { workers?.stop() }
    try announce(link, pair.publicKey, shell)
    switch shell.run() {
    case .finished(let summary):
      result.published = summary.published
      result.workerCount = summary.workersUsed
      result.retryCount = summary.retries
      return result
    case .stopped(let reason): throw .stopped(reason)
    case .failed(let reasons): throw .failed(reasons.joined(separator: "; "))
    }
  }

  /// Tests the coordinator's own door, then tells workers where it is.
  private func announce(
    _ link: RouterLink, _ key: PublicKey, _ shell: CoordinatorShell
  ) throws(CommandError) {
    try wrap(CommandError.messaging) { () throws(MessagingError) in try shell.testDoor() }
    try wrap(CommandError.ledger) { () throws(LedgerError) in
      try job.ledger.announce(
        EpochRecord(
          number: job.ledger.epoch, host: Host.name, bootID: Host.bootID,
          processID: Host.processID, endpoint: Self.reachable(link.endpoint),
          publicKey: key.text))
    }
  }

  /// The address under which other machines find an endpoint: every address is none, so this
  /// machine's name stands for it.
  static func reachable(_ endpoint: String) -> String {
    for wildcard in ["tcp://[::]:", "tcp://0.0.0.0:", "tcp://*:"] where endpoint.hasPrefix(wildcard)
    {
      return "tcp://\(Host.name):" + endpoint.dropFirst(wildcard.count)
    }
    return endpoint
  }

  private static func tell(_ remark: CoordinationRemark, _ log: Log) {
    switch remark {
    case .note(let note):
      let text = [
        note.kind.rawValue, note.attempt.map { "\($0)" } ?? "", note.worker, note.text,
      ].filter { !$0.isEmpty }.joined(separator: " ")
      if note.kind.isTrouble { log.warning(text) } else { log.debug(text) }
    case .refusal(let refusal): log.warning(refusal.sentence)
    case .malformed(let error, let worker): log.warning("worker \(worker): \(error.sentence)")
    }
  }
}
