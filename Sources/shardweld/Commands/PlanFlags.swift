// `shardweld plan`: merge's flags; what would be done.

/// What `plan` was asked to show.
struct PlanFlags: CommandFlags, Equatable {
  /// `merge.output` is "" where it is not given.
  var merge = MergeFlags()
  /// Lists every tensor that changes, instead of their layers.
  var tensors = false

  static let declaration = Declaration<PlanFlags>(
    "plan", summary: "show what a merge would do",
    purpose: "Shows what a merge would do, from headers and configs alone: jobs, bytes to read and "
      + "write, memory, disk, and the tensors that change. Reads no weight and writes nothing.",
    groups: [
      MergeFlags.inputs.optional("--output").within(\.merge),
      MergeFlags.modules.within(\.merge),
      MergeFlags.form.within(\.merge),
      MergeFlags.several.within(\.merge),
      MergeFlags.resources.without("--io-limit").within(\.merge),
      FlagGroup(
        "Report",
        [
          .toggle("--tensors", \.tensors, "List every tensor that changes."),
          .json(\.merge.json),
          .toggle(
            "--again", \.merge.again,
            "Plan even where the base already holds one of these adapters."),
          .logLevel(\.merge.logLevel),
        ]),
    ],
    examples: [
      .init(
        lines: ["plan --base BASE --adapter ADAPTER"],
        meaning: "See whether an adapter fits, and what changes."),
      .init(
        lines: ["plan --base BASE --adapter ADAPTER --output MERGED", "--tensors --json"],
        meaning: "The whole plan, for a program."),
    ],
    exitCodes: [.done, .failed, .badInput])
}
