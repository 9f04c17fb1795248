// `shardweld coordinator`: merge's flags, and where workers find it.

/// What `coordinator` was asked to do.
struct CoordinatorFlags: CommandFlags, Equatable {
  var merge = MergeFlags()
  /// Address that workers connect to, e.g. `tcp://*:5555`.
  var listen = ""
  /// Folder made by `keygen`.
  var keys = ""

  static let declaration = Declaration<CoordinatorFlags>(
    "coordinator", summary: "hand a merge's jobs to workers on any machines",
    purpose: "Plans a merge, as merge does, and hands its jobs to workers on any machines that see "
      + "the same files under the same paths and hold an authorised key. Workers may come, go and "
      + "die at any moment; so may the coordinator: the same command goes on.",
    groups: [
      MergeFlags.inputs.within(\.merge),
      FlagGroup(
        "Network",
        [
          .required(
            "--listen", .listenEndpoint, \.listen,
            "Address to wait on, such as tcp://*:5555; a * for the port takes any free one."),
          .required("--keys", .folder, \.keys, "Folder of keys made by shardweld keygen."),
        ]),
      MergeFlags.modules.within(\.merge),
      MergeFlags.form.within(\.merge),
      MergeFlags.several.within(\.merge),
      MergeFlags.course.without("--dry-run").within(\.merge),
      MergeFlags.report.within(\.merge),
    ],
    examples: [
      .init(lines: ["keygen KEYS"], meaning: "Make the keys, once."),
      .init(
        lines: [
          "coordinator --listen tcp://*:5555 --keys KEYS",
          "--base BASE --adapter ADAPTER --output MERGED",
        ],
        meaning: "Wait for workers on port 5555."),
      .init(
        lines: ["worker --connect tcp://HOST:5555 --keys KEYS"],
        meaning: "On each machine, as often as wanted."),
    ],
    exitCodes: [.done, .failed, .badInput, .again, .configuration],
    check: { flags throws(UsageError) in try flags.merge.check() })
}
