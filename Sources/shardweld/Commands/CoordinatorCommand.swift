// `shardweld coordinator`: a merge whose workers come over the network.

enum CoordinatorCommand {
  static func run(_ flags: CoordinatorFlags) throws(CommandError) -> ExitCode {
    try MergeCommand.finish(flags.merge) { printer, log, signals throws(CommandError) in
      let job = try OpenJob(flags.merge, isShared: true)
      let result = try WorkerRun(
        job: job, flags: flags.merge, printer: printer, log: log, signals: signals
      ).run(endpoint: flags.listen, keys: flags.keys, local: nil)
      try job.close(keep: flags.merge.keepJob)
      return result
    }
  }
}
