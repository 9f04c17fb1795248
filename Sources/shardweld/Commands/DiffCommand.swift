// `shardweld diff`: exit code 0 where all tensors are the same bytes, 3 where any differs.
import Checkpoints
import Storage

enum DiffCommand {
  static func run(_ flags: DiffFlags) throws(CommandError) -> ExitCode {
    let first = try open(flags.first)
    let second = try open(flags.second)
    let printer = ProgressPrinter(flags.progress)
    let difference: CheckpointDifference
    do throws(StorageError) {
      difference = try CheckpointDifference.compare(first, second) { done, total in
        printer.update(Progress(phase: "comparing", bytesDone: done, bytesTotal: total))
      }
    } catch {
      printer.finish(isComplete: false)
      throw .storage(error)
    }
    printer.finish(isComplete: true)
    _ = try CommandLineFace.show(
      flags.json
        ? difference.json(first: first.path, second: second.path, all: flags.all)
        : difference.text(all: flags.all))
    return difference.isSame ? .done : .different
  }

  private static func open(_ path: String) throws(CommandError) -> Checkpoint {
    do throws(CheckpointError) { return try Checkpoint.open(path) } catch {
      throw .checkpoint(error)
    }
  }
}
