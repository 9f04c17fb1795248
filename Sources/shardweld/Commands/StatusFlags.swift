// `shardweld status`: how far a merge is, from the job's folder alone.

/// What `status` was asked to show.
struct StatusFlags: CommandFlags, Equatable {
  /// Folder of the output, or of the job itself, as typed.
  var output = ""
  var json = false

  static let declaration = Declaration<StatusFlags>(
    "status", summary: "show how far a merge is",
    purpose: "Shows how far a merge is and who is at work, from the job's folder alone, whether a "
      + "coordinator is running or not. Takes nothing from those at work and changes nothing.",
    arguments: [
      Argument(
        "OUTPUT", .folder, \.output,
        "The output that the merge was asked for, or its job's folder, OUTPUT.shardweld.")
    ],
    groups: [FlagGroup("Report", [.json(\.json)])],
    examples: [
      .init(lines: ["status MERGED"], meaning: "Jobs done and left, workers, and the last events."),
      .init(lines: ["status MERGED --json"], meaning: "The same for a program."),
    ],
    exitCodes: [.done, .failed, .badInput])
}
