// `shardweld merge`: the whole merge on this machine, with workers of its own or, with
// `--workers 0`, in this process alone.
import Messaging
import Planning
import Publishing
import Storage

enum MergeCommand {
  static func run(_ flags: MergeFlags) throws(CommandError) -> ExitCode {
    if flags.dryRun { return try PlanCommand.show(flags, listsTensors: false) }
    return try finish(flags) { printer, log, signals throws(CommandError) in
      guard flags.workers != 0 else {
        return try Pipeline.run(flags) { progress in
          printer.update(progress)
          return signals.next() == nil
        }
      }
      let job = try OpenJob(flags)
      let result = try WorkerRun(
        job: job, flags: flags, printer: printer, log: log, signals: signals
      ).runLocally()
      try job.close(keep: flags.keepJob)
      return result
    }
  }

  /// Runs a merge under its progress display and prints what it came to.
  static func finish(
    _ flags: MergeFlags,
    _ body: (ProgressPrinter, Log, SignalSource) throws(CommandError) -> MergeResult
  ) throws(CommandError) -> ExitCode {
    // Before any thread: threads inherit which signals are held back for the loop.
    let signals = SignalSource()
    let printer = ProgressPrinter(flags.progress)
    let log = printer.log(flags.logLevel)
    let start = Clock.milliseconds
    var result: MergeResult
    do throws(CommandError) {
      result = try body(printer, log, signals)
    } catch {
      printer.finish(isComplete: false)
      // A shard that is not as it was written is a failure here; `verify` finds differences.
      throw error.exitCode == .different ? .failed(error.sentence) : error
    }
    printer.finish(isComplete: true)
    if flags.requantize != .none, let output = result.published?.output {
      for warning in try ReportCommand.losses(output) { log.warning(warning) }
    }
    result.milliseconds = Clock.milliseconds - start
    return try CommandLineFace.show(flags.json ? result.json : result.text)
  }
}
