// `shardweld explain`: the whole story of a tensor, or of a job and its shard.
import Storage

enum ExplainCommand {
  static func run(_ flags: ExplainFlags) throws(CommandError) -> ExitCode {
    try CommandLineFace.show(try text(flags, now: Host.milliseconds))
  }

  /// What is printed at a moment.
  static func text(_ flags: ExplainFlags, now: Int64) throws(CommandError) -> String {
    let place = try MergePlace.find(flags.output)
    switch try StorySubject.find(flags.name, in: place.output, place.names) {
    case .tensor(let job, let index):
      let story =
        switch place {
        case .job(let history, _, _): TensorStory(history, job: job, index: index, now: now)
        case .finished(let manifest, _): TensorStory(manifest, shard: job, index: index)
        }
      return flags.json ? story.json : story.text
    case .job(let job):
      let story =
        switch place {
        case .job(let history, _, _): JobStory(history, job: job, now: now)
        case .finished(let manifest, _): JobStory(manifest, shard: job)
        }
      return flags.json ? story.json : story.text
    }
  }
}
