// `shardweld plan`, and `merge --dry-run`: what would be done, from headers alone.
import Storage

enum PlanCommand {
  static func run(_ flags: PlanFlags) throws(CommandError) -> ExitCode {
    try show(flags.merge, listsTensors: flags.tensors)
  }

  /// Plans and prints; an output that is named is checked as `merge` would.
  static func show(_ flags: MergeFlags, listsTensors: Bool) throws(CommandError) -> ExitCode {
    let preparation = try Preparation(flags)
    var free: Int64?
    if !flags.output.isEmpty {
      let output = Path.absolute(flags.output)
      try preparation.checkPlace(of: output, overwrite: flags.overwrite)
      free = try preparation.freeByteCount(for: output)
    }
    let text = PlanText(
      preparation: preparation, flags: flags, freeByteCount: free, listsTensors: listsTensors)
    return try CommandLineFace.show(flags.json ? text.json : text.text)
  }
}
