// `shardweld verify`: is a merged checkpoint still what was written?

/// What `verify` was asked to check.
struct VerifyFlags: CommandFlags, Equatable {
  /// Folder of the merged checkpoint, as typed.
  var output = ""
  /// nil where inputs are not to be looked at.
  var base: String?
  var adapters: [AdapterChoice] = []
  /// Share of the changed tensors to merge again, in percent; nil for none.
  var recompute: Double?
  /// nil is `auto`.
  var threads: Int?
  /// Bytes; nil is `auto`.
  var memoryLimit: Int64?
  /// Bytes a second; nil is no limit.
  var ioLimit: Int64?
  var json = false
  var progress = ProgressMode.auto
  var logLevel = LogLevel.info

  static let declaration = Declaration<VerifyFlags>(
    "verify", summary: "check a merged checkpoint against its manifest",
    purpose: "Reads a merged checkpoint again and compares every shard, tensor and side file with "
      + "the digests in its shardweld.json. With base and adapters it also compares the inputs, "
      + "and with --recompute it merges a share of the changed tensors again and compares bits.",
    arguments: [
      Argument("OUTPUT", .folder, \.output, "Folder of the merged checkpoint.")
    ],
    groups: [
      FlagGroup(
        "Inputs",
        [
          .optional("--base", .source, \.base, "The checkpoint it was merged from."),
          .list(
            "--adapter", .adapter, \.adapters, required: false,
            "The adapters, in the order and strength of the merge."),
          .optional(
            "--recompute", .percent, \.recompute,
            "Share of the changed tensors to merge again, such as 5; 100 is all."),
        ]),
      FlagGroup(
        "Resources",
        [
          .threads(\.threads, "Threads; auto is one per core."),
          .memoryLimit(\.memoryLimit, "Most memory, whatever the size of the model"),
          .ioLimit(\.ioLimit, "Most bytes a second that are read"),
        ]),
      FlagGroup(
        "Report",
        [
          .json(\.json),
          .progress(\.progress),
          .logLevel(\.logLevel),
        ]),
    ],
    examples: [
      .init(lines: ["verify MERGED"], meaning: "After a copy or a download."),
      .init(
        lines: ["verify MERGED --base BASE --adapter ADAPTER --recompute 5"],
        meaning: "Merge 5 % of the changed tensors again."),
    ],
    exitCodes: [.done, .failed, .badInput, .different],
    check: { flags throws(UsageError) in
      try MemoryLimit.check(flags.memoryLimit, threads: flags.threads)
      let isRecomputed = flags.recompute != nil
      if flags.base == nil, isRecomputed { throw .needs(flag: "--recompute", other: "--base") }
      if flags.adapters.isEmpty, isRecomputed {
        throw .needs(flag: "--recompute", other: "--adapter")
      }
    })
}
