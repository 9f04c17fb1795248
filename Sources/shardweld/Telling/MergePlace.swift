// What a path given to `status` or `explain` leads to: a merge with its folder, or its result.
import Ledger
import Planning
import Publishing
import Storage

/// A merge as it was found on disk.
enum MergePlace {
  /// There is a job's folder; `manifest` is its own output's, where that is published.
  case job(JobHistory, output: String, manifest: Manifest?)
  /// The job's folder is gone, or never was on this machine.
  case finished(Manifest, output: String)

  var output: String {
    switch self {
    case .job(_, let output, _), .finished(_, let output): output
    }
  }

  /// Shards and their tensors, in the plan's order.
  var names: [StorySubject.Names] {
    switch self {
    case .job(let history, _, _):
      history.plan.jobs.map { .init(shard: $0.shardName, tensors: $0.recipes.map(\.name)) }
    case .finished(let manifest, _):
      manifest.shards.map { .init(shard: $0.name, tensors: $0.tensors.map(\.name)) }
    }
  }

  /// Takes OUTPUT or OUTPUT.shardweld.
  static func find(_ typed: String) throws(CommandError) -> MergePlace {
    let path = Path.absolute(typed)
    let suffix = ".shardweld"
    var output = path
    if path.hasSuffix(suffix), Path.name(path) != suffix, try !exists(manifestPath(path)) {
      output = String(path.dropLast(suffix.count))
    }
    let folder = JobFolder(output: output)
    if let history = try history(folder) {
      return .job(history, output: output, manifest: try result(of: history, output))
    }
    if let manifest = try manifest(of: output) { return .finished(manifest, output: output) }
    if try exists(folder.path) {
      throw .refused(
        "\(folder.path) has no plan.json: a merge is only just beginning there, or it was cut off "
          + "before it began; ask again in a moment, or run the same command again")
    }
    throw .refused(
      "there is no merge at \(output): neither \(folder.path) nor \(manifestPath(output)) exists; "
        + "give the --output of a merge")
  }

  /// nil where there is no job's folder, also where a merge ends and takes it while it is read.
  private static func history(_ folder: JobFolder) throws(CommandError) -> JobHistory? {
    guard try exists(folder.plan) else { return nil }
    do throws(LedgerError) { return try JobHistory.read(folder) } catch {
      guard try exists(folder.plan) else { return nil }
      throw .ledger(error)
    }
  }

  /// The output's manifest where the output is this merge's; an older one may stand in its place.
  private static func result(
    of history: JobHistory, _ output: String
  ) throws(CommandError) -> Manifest? {
    guard !history.isRunning, history.committed.count == history.plan.jobs.count,
      let manifest = try manifest(of: output), manifest.shards.count == history.plan.jobs.count
    else { return nil }
    for (job, shard) in zip(history.plan.jobs, manifest.shards) {
      guard job.shardName == shard.name, history.committed[job.id]?.digest == shard.digest else {
        return nil
      }
    }
    return manifest
  }

  private static func manifest(of output: String) throws(CommandError) -> Manifest? {
    do throws(PublishingError) { return try OutputVerifier.manifest(of: output) } catch {
      switch error {
      case .noManifest: return nil
      case .manifest: throw .failed(error.sentence)
      default: throw .publishing(error)
      }
    }
  }

  private static func manifestPath(_ output: String) -> String {
    Path.join(output, JobFolder.manifestName)
  }

  private static func exists(_ path: String) throws(CommandError) -> Bool {
    try wrap(CommandError.storage) { () throws(StorageError) in try FileStatus.of(path) != nil }
  }
}
