// `shardweld report`: what a merge did to its base.

/// What `report` was asked.
struct ReportFlags: CommandFlags, Equatable {
  /// Folder of the output, as typed.
  var output = ""
  /// Lists every tensor, also each expert.
  var all = false
  var json = false
  /// Where the page goes, as typed; nil for text or JSON.
  var html: String?

  static let declaration = Declaration<ReportFlags>(
    "report", summary: "tell what a merge did to its base, and what looks wrong",
    purpose: "Tells how large each update is beside its weight, how many elements it changed, how "
      + "much of it rounding lost and what overflowed, from the numbers that the merge itself "
      + "took and the manifest holds. It flags what looks wrong: updates that vanished, are empty "
      + "or larger than their weight, experts without a change beside others that changed, and "
      + "modules that changed by far more or less than in other layers. Reads no weight.",
    arguments: [Argument("OUTPUT", .folder, \.output, "The merged checkpoint.")],
    groups: [
      FlagGroup(
        "Report",
        [
          .toggle("--all", \.all, "List each expert's tensor for itself."),
          .json(\.json),
          .optional(
            "--html", .text("FILE", .files), \.html,
            "Write one page with a picture of all layers to this file, and print its path."),
        ])
    ],
    examples: [
      .init(lines: ["report MERGED"], meaning: "The table, and what looks wrong."),
      .init(lines: ["report MERGED --html report.html"], meaning: "The same as a page."),
    ],
    exitCodes: [.done, .failed, .badInput]
  ) { flags throws(UsageError) in
    if flags.json, flags.html != nil { throw .conflict("--json", "--html") }
    if flags.all, flags.json || flags.html != nil {
      throw .conflict("--all", flags.json ? "--json" : "--html")
    }
  }
}
