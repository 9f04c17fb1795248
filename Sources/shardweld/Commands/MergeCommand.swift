// `shardweld merge`: the whole merge on this machine.

enum MergeCommand {
  static func run(_ flags: MergeFlags) throws(CommandError) -> ExitCode {
    if flags.dryRun { return try PlanCommand.show(flags, listsTensors: false) }
    let printer = ProgressPrinter(flags.progress)
    let start = Clock.milliseconds
    var result: MergeResult
    do {
      result = try Pipeline.run(flags) { progress in
        printer.update(progress)
        return true
      }
    } catch {
      printer.finish(isComplete: false)
      throw error
    }
    printer.finish(isComplete: true)
    result.milliseconds = Clock.milliseconds - start
    return try CommandLineFace.show(flags.json ? result.json : result.text)
  }
}
