// `shardweld inspect`: a checkpoint, or an adapter where the folder holds one.
import Checkpoints

enum InspectCommand {
  static func run(_ flags: InspectFlags) throws(CommandError) -> ExitCode {
    try CommandLineFace.show(try text(flags))
  }

  /// What is printed.
  static func text(_ flags: InspectFlags) throws(CommandError) -> String {
    do throws(CheckpointError) {
      let checkpoint = try Checkpoint.open(flags.path)
      let portrait = CheckpointPortrait(checkpoint: checkpoint, listsTensors: flags.tensors)
      return flags.json ? portrait.json : portrait.text
    } catch {
      // Checkpoint tells adapters apart, also in the cache, and names their folder.
      guard case .adapter(let folder) = error else { throw .checkpoint(error) }
      let portrait = try AdapterPortrait.read(folder, listsTensors: flags.tensors)
      return flags.json ? portrait.json : portrait.text
    }
  }
}
