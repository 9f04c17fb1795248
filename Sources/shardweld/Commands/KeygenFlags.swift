// `shardweld keygen`: keys for a coordinator and its workers.

/// What `keygen` was asked to make.
struct KeygenFlags: CommandFlags, Equatable {
  /// Folder to make, as typed.
  var folder = ""
  var workers = 1

  static let declaration = Declaration<KeygenFlags>(
    "keygen", summary: "make keys for a coordinator and its workers",
    purpose: "Makes the keys by which a coordinator and its workers know each other, in a new "
      + "folder that only its owner can read. Without such a key nobody gets a job, and no worker "
      + "takes one. merge needs none of this: it makes keys of its own.",
    arguments: [Argument("DIR", .folder, \.folder, "Folder for the keys; new or empty.")],
    groups: [
      FlagGroup(
        "Keys",
        [
          .value(
            "--workers", .count(1...4096), \.workers,
            "Keys for workers; several, so that one can be withdrawn alone.")
        ])
    ],
    examples: [
      .init(lines: ["keygen KEYS"], meaning: "One key that all workers share."),
      .init(lines: ["keygen KEYS --workers 8"], meaning: "A key for each of eight workers."),
    ],
    exitCodes: [.done, .failed, .badInput, .configuration])
}
