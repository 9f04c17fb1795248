// `shardweld worker`: works for one coordinator until it is needed no more.
import CLinux
import Glibc
import Kernels
import Ledger
import Merging
import Messaging
import Planning
import Storage
import Working

enum WorkerCommand {
  static func run(_ flags: WorkerFlags) throws(CommandError) -> ExitCode {
    try run(flags, answers: KnownAnswers.entries)
  }

  /// Works until it is needed no more; not at all where this machine does not give these answers.
  static func run(
    _ flags: WorkerFlags, answers: [KnownAnswers.Entry]
  ) throws(CommandError) -> ExitCode {
    let signals = SignalSource()
    let log = ProgressPrinter(flags.progress).log(flags.logLevel)
    guard followsParent() else { return .again }
    let (pair, savedKey) = try wrap(CommandError.messaging) { () throws(MessagingError) in
      try KeyFolder.worker(flags.keys)
    }
    let kernel: String
    do throws(KernelsError) { kernel = try InstructionSet.selection.get().name } catch {
      throw .merging(.instructionSet(error))
    }
    if let difference = KnownAnswers.difference(from: answers) {
      return end(.unsound(reason: difference.sentence), log)
    }
    let share = HostShare.own
    let threads = flags.threads ?? share.cores
    let memory = try MemoryLimit.own(flags.memoryLimit, threads: threads, share)
    let (endpoint, serverKey) = try coordinator(flags, savedKey)
    let link = try wrap(CommandError.messaging) { () throws(MessagingError) in
      try DealerLink(endpoint: endpoint, serverKey: serverKey, keys: pair)
    }
    let settings = WorkerSettings(
      host: Host.name, processID: Host.processID, threads: threads,
      memoryByteCount: memory, life: .random(in: 1 ... .max),
      deadline: secondsLeft(flags).map { Clock.milliseconds + Int64($0) * 1000 })
    log.debug("worker \(Host.name)/\(Host.processID) for \(endpoint), \(kernel)")
    let shell = WorkerShell(
      link: link, signals: signals, settings: settings,
      thread: MergeThread(
        MergeThread.Settings(
          settings, kernel: kernel, traffic: Traffic(bytesPerSecond: flags.ioLimit))),
      relocate: flags.job == nil ? nil : { Self.newEndpoint(flags, savedKey) })
    return end(shell.run(), log)
  }

  private static func end(_ exit: WorkerExit, _ log: Log) -> ExitCode {
    if let sentence = exit.sentence { log.error(sentence) }
    return ExitCode(rawValue: exit.code) ?? .failed
  }

  /// Where the coordinator is: as told, or as the job's folder says. The key stays the saved one,
  /// which only the owner of the key folder can change.
  private static func coordinator(
    _ flags: WorkerFlags, _ savedKey: PublicKey
  ) throws(CommandError) -> (endpoint: String, key: PublicKey) {
    if let endpoint = flags.connect { return (endpoint, savedKey) }
    let folder = JobFolder(path: Path.absolute(flags.job ?? ""))
    let epoch = try wrap(CommandError.ledger) { () throws(LedgerError) in
      try EpochRecord.newest(in: folder)
    }
    guard let epoch else {
      throw .refused("\(folder.path) names no coordinator; start it first, or give --connect")
    }
    guard epoch.publicKey == savedKey.text else {
      throw .configuration(
        "the coordinator of \(folder.path) has the key \(epoch.publicKey), but \(flags.keys) "
          + "expects \(savedKey.text); copy its coordinator.public there")
    }
    return (epoch.endpoint, savedKey)
  }

  /// Where the coordinator of the moment is, nil where the folder does not say so now.
  private static func newEndpoint(_ flags: WorkerFlags, _ savedKey: PublicKey) -> String? {
    do throws(CommandError) { return try coordinator(flags, savedKey).endpoint } catch {
      return nil
    }
  }

  /// Seconds until this process is ended from outside: as told, or as Slurm tells its jobs.
  private static func secondsLeft(_ flags: WorkerFlags) -> Int? {
    if let deadline = flags.deadline { return deadline }
    guard let text = unsafe getenv("SLURM_JOB_END_TIME"),
      let end = Int64(unsafe String(cString: text)), end > 0
    else { return nil }
    return Int(max(0, end - Host.milliseconds / 1000))
  }

  /// Ends with the process that started it, where that one asks for it.
  private static func followsParent() -> Bool {
    guard let text = unsafe getenv(LocalWorkers.parentVariable) else { return true }
    let parent = unsafe String(cString: text)
    guard sw_die_with_parent(SIGKILL) == 0 else { return true }
    // The parent may have died before the kernel was asked.
    return String(getppid()) == parent
  }
}
