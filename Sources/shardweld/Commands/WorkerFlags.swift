// `shardweld worker`: who to work for, and with how much.

/// What `worker` was asked to do.
struct WorkerFlags: CommandFlags, Equatable {
  /// The coordinator's address; nil where `job` says where to find it.
  var connect: String?
  /// The job's folder, which names its coordinator of the moment; nil where `connect` is given.
  var job: String?
  /// Folder made by `keygen`.
  var keys = ""
  /// nil is `auto`.
  var threads: Int?
  /// Bytes; nil is `auto`.
  var memoryLimit: Int64?
  /// Bytes a second; nil is no limit.
  var ioLimit: Int64?
  /// Seconds from the start until this process is ended from outside; nil where nobody says.
  var deadline: Int?
  var progress = ProgressMode.auto
  var logLevel = LogLevel.info

  static let declaration = Declaration<WorkerFlags>(
    "worker", summary: "merge jobs for a coordinator",
    purpose: "Merges jobs for a coordinator until none is left. Start as many as wanted, at any "
      + "time, on any machine that sees the same files; a worker may be stopped or killed at any "
      + "moment, and at most the job in its hands is done again.",
    groups: [
      FlagGroup(
        "Coordinator",
        [
          .optional(
            "--connect", .connectEndpoint, \.connect,
            "The coordinator's address, such as tcp://HOST:5555."),
          .optional(
            "--job", .folder, \.job,
            "The job's folder, OUTPUT.shardweld, to find the coordinator by; also after it moved."),
          .required("--keys", .folder, \.keys, "Folder of keys made by shardweld keygen."),
        ]),
      FlagGroup(
        "Resources",
        [
          .threads(\.threads, "Threads that merge; auto is one per core."),
          .memoryLimit(\.memoryLimit, "Most memory, whatever the size of the model"),
          .ioLimit(\.ioLimit, "Most bytes a second that this worker reads and writes"),
          .optional(
            "--deadline", .seconds, \.deadline,
            "Time until this worker is ended from outside, such as 55m: it takes no job that it "
              + "could not finish, and leaves in time. Slurm's own end of the job is known to it."),
        ]),
      FlagGroup(
        "Report",
        [
          .progress(\.progress),
          .logLevel(\.logLevel),
        ]),
    ],
    examples: [
      .init(
        lines: ["worker --connect tcp://HOST:5555 --keys KEYS"],
        meaning: "Work for the coordinator on HOST."),
      .init(
        lines: ["worker --job MERGED.shardweld --keys KEYS --threads 8"],
        meaning: "Find the coordinator by the job's folder, and merge with eight threads."),
    ],
    exitCodes: [.done, .failed, .badInput, .again, .configuration],
    check: { flags throws(UsageError) in
      try MemoryLimit.check(flags.memoryLimit, threads: flags.threads)
      switch (flags.connect, flags.job) {
      case (nil, nil):
        throw .missing(command: "worker", what: ["--connect ADDRESS or --job DIR"])
      case (.some, .some): throw .conflict("--connect", "--job")
      default: return
      }
    })
}
