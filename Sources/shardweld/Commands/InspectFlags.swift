// `shardweld inspect`: what is in a checkpoint or an adapter.

/// What `inspect` was asked to show.
struct InspectFlags: CommandFlags, Equatable {
  /// As typed: a folder, one file, or a name from the Hugging Face cache.
  var path = ""
  /// Lists every tensor instead of their layers.
  var tensors = false
  var json = false

  static let declaration = Declaration<InspectFlags>(
    "inspect", summary: "show what is in a checkpoint or an adapter",
    purpose: "Shows what is in a checkpoint or an adapter, from headers and configs alone: size, "
      + "element types, model, quantisation, the shapes of its layers; and for a merged checkpoint "
      + "what it was merged from. Reads no weight.",
    arguments: [
      Argument(
        "PATH", .source, \.path,
        "A checkpoint, an adapter or a .gguf file: a folder, one file of weights, or a name "
          + "such as org/name from the Hugging Face cache.")
    ],
    groups: [
      FlagGroup(
        "Report",
        [
          .toggle("--tensors", \.tensors, "List every tensor, with its shard and place."),
          .json(\.json),
        ])
    ],
    examples: [
      .init(lines: ["inspect BASE"], meaning: "A checkpoint, layer by layer."),
      .init(lines: ["inspect ADAPTER --tensors"], meaning: "Every tensor of an adapter."),
    ],
    exitCodes: [.done, .failed, .badInput])
}
