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
    let left = job.facts.filter { !$0.isCommitted }
    let share = try LocalShare(
      flags, jobsLeft: left.count, jobByteCount: left.map(\.memoryByteCount).max() ?? 0, .own)
    // Nobody else will come who has more.
    if let shortage = Self.shortage(left, limit: share.memoryByteCount) {
      throw .refused(shortage)
    }
    PrivateFolder.removeLeftovers(log)
    let folder = try PrivateFolder()
    defer { folder.remove(log) }
    let recipe = LocalWorkers.Recipe(
      count: share.workers,
      words: ["worker", "--connect", folder.endpoint, "--keys", folder.keys] + share.words + [
        "--progress", "none", "--log-level", flags.logLevel.rawValue,
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
