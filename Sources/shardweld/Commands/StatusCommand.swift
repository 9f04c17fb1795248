// `shardweld status`: how far a merge is, without taking anything from those at work.
import Storage

enum StatusCommand {
  static func run(_ flags: StatusFlags) throws(CommandError) -> ExitCode {
    try CommandLineFace.show(try text(flags, now: Host.milliseconds))
  }

  /// What is printed at a moment.
  static func text(_ flags: StatusFlags, now: Int64) throws(CommandError) -> String {
    switch try MergePlace.find(flags.output) {
    case .job(let history, let output, let manifest):
      let status = JobStatus(history, output: output, manifest: manifest, now: now)
      return flags.json ? status.json : status.text
    case .finished(let manifest, let output):
      let status = FinishedStatus(manifest: manifest, output: output)
      return flags.json ? status.json : status.text
    }
  }
}
