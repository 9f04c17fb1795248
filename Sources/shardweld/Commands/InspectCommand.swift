// `shardweld inspect`: a checkpoint, an adapter where the folder holds one, or a .gguf file.
import Adapters
import Checkpoints
import OrderedJSON
import Safetensors

enum InspectCommand {
  static func run(_ flags: InspectFlags) throws(CommandError) -> ExitCode {
    try CommandLineFace.show(try text(flags))
  }

  /// What is printed.
  static func text(_ flags: InspectFlags) throws(CommandError) -> String {
    if try GGUFPortrait.isMeant(flags.path) {
      let portrait = try GGUFPortrait.read(flags.path, listsTensors: flags.tensors)
      return flags.json ? portrait.json : portrait.text
    }
    do throws(CheckpointError) {
      let checkpoint = try Checkpoint.open(flags.path)
      if let model = checkpoint.gguf {
        let portrait = GGUFPortrait(model: model, listsTensors: flags.tensors)
        return flags.json ? portrait.json : portrait.text
      }
      // A file of tensors with an adapter's names is an adapter, wherever it lies.
      if AdapterFormat.of(nil, names: checkpoint.tensors.lazy.map(\.name)) != .peft {
        let portrait = AdapterPortrait(
          path: checkpoint.shards[0].path, config: .object([]), files: checkpoint.shardNames,
          tensors: checkpoint.shards.flatMap(\.tensors), listsTensors: flags.tensors)
        return flags.json ? portrait.json : portrait.text
      }
      let portrait = CheckpointPortrait(checkpoint: checkpoint, listsTensors: flags.tensors)
      return flags.json ? portrait.json : portrait.text
    } catch {
      // Checkpoint tells adapters apart, also in the cache, and names their folder or their file.
      switch error {
      case .adapter(let folder):
        let portrait = try AdapterPortrait.read(folder, listsTensors: flags.tensors)
        return flags.json ? portrait.json : portrait.text
      case .notAModel(let path, _):
        let portrait = try GGUFPortrait.read(path, listsTensors: flags.tensors)
        return flags.json ? portrait.json : portrait.text
      default: throw .checkpoint(error)
      }
    }
  }
}
