// `shardweld explain`: one tensor's or one job's whole story.

/// What `explain` was asked about.
struct ExplainFlags: CommandFlags, Equatable {
  /// Folder of the output, or of the job itself, as typed.
  var output = ""
  /// A tensor's name, a shard's name, or a job's number.
  var name = ""
  var json = false

  static let declaration = Declaration<ExplainFlags>(
    "explain", summary: "tell a tensor's or a job's whole story",
    purpose: "Tells how a tensor of the output is made: where its bytes come from, which tensors "
      + "of which adapters change it, by which rule and scale, and which shard holds it. For a "
      + "job or shard, it tells who merged it, when, and what it holds.",
    arguments: [
      Argument(
        "OUTPUT", .folder, \.output,
        "The merged checkpoint, or the job's folder, OUTPUT.shardweld."),
      Argument("NAME", .text("NAME"), \.name, "A tensor's name, a shard's name or a job's number."),
    ],
    groups: [FlagGroup("Report", [.json(\.json)])],
    examples: [
      .init(
        lines: ["explain MERGED model.layers.7.mlp.down_proj.weight"],
        meaning: "A tensor's story."),
      .init(lines: ["explain MERGED.shardweld 12"], meaning: "The story of job 12."),
    ],
    exitCodes: [.done, .failed, .badInput])
}
