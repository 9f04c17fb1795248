// `shardweld diff`: where two checkpoints differ.

/// What `diff` was asked to compare.
struct DiffFlags: CommandFlags, Equatable {
  /// As typed: folders, files, or names from the Hugging Face cache.
  var first = ""
  var second = ""
  /// Lists tensors that are the same, too.
  var all = false
  var json = false
  var progress = ProgressMode.auto

  static let declaration = Declaration<DiffFlags>(
    "diff", summary: "compare two checkpoints tensor by tensor",
    purpose: "Compares two checkpoints tensor by tensor, however they are cut into shards: same "
      + "bytes, changed (with the largest and the mean difference, and the largest distance in "
      + "units of the last place, ulp), another element type or shape, or only in one of them.",
    arguments: [
      Argument("A", .source, \.first, "A checkpoint: a folder, one file, or a cached name."),
      Argument("B", .source, \.second, "The other."),
    ],
    groups: [
      FlagGroup(
        "Report",
        [
          .toggle("--all", \.all, "List the tensors that are the same, too."),
          .json(\.json),
          .progress(\.progress),
        ])
    ],
    examples: [
      .init(lines: ["diff BASE MERGED"], meaning: "What a merge changed, and by how much."),
      .init(lines: ["diff MERGED OTHER --json"], meaning: "The same for a program."),
    ],
    exitCodes: [.done, .failed, .badInput, .different])
}
