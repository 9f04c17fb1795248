// Where an output and the folder of its job may lie. The job's folder is removed after success, and
// an output may be replaced: neither may hold an input, nor anything that is not shardweld's own.
import Ledger
import Planning
import Storage

/// An output's place on disk.
struct OutputPlace {
  /// As it was named, absolute.
  let output: String
  /// The same with the links on the way to it followed; its own name stays.
  let path: String

  init(_ output: String) throws(CommandError) {
    self.output = output
    var (folder, rest) = (Path.parent(output), Path.name(output))
    while Path.resolved(folder) == nil, Path.parent(folder) != folder {
      rest = Path.join(Path.name(folder), rest)
      folder = Path.parent(folder)
    }
    folder = Path.resolved(folder) ?? folder
    let status = try Self.status(folder)
    guard status?.isFolder != false else {
      throw .refused(
        "\(folder) is not a folder, so \(output) cannot be made; choose another output")
    }
    path = Path.join(folder, rest)
  }

  /// Refuses a place in which one of the inputs would be harmed: the base's folder or files, or an
  /// adapter's folder.
  func check(base: [String], adapters: [String]) throws(CommandError) {
    if let base = base.first(where: { Self.holds($0, path) }) {
      throw .refused("\(output) lies inside the base \(base); choose a folder of its own")
    }
    let job = JobFolder(output: path)
    for input in base + adapters {
      if Self.holds(path, input) {
        throw .refused("\(input) lies inside the output \(output); choose another output")
      }
      for folder in [job.path, job.removed] where Self.holds(folder, input) {
        throw .refused(
          "\(input) lies in \(folder), which the merge needs for its own work and removes; "
            + "choose another output")
      }
    }
  }

  /// Refuses something else under the name of the job's folder.
  func checkJobFolder() throws(CommandError) {
    let job = JobFolder(output: path)
    guard let status = try Self.status(job.path) else { return }
    let names = try wrap(CommandError.storage) { () throws(StorageError) in
      status.isFolder ? try Folder.list(job.path) : []
    }
    let isOurs = names.contains("plan.json") || names.allSatisfy(JobFolder.isOwnName)
    guard status.isFolder, isOurs else {
      throw .refused(
        "\(job.path) is in the way: the merge needs this name for its own work, and what is there "
          + "is not shardweld's; move it, or choose another output")
    }
  }

  private static func status(_ path: String) throws(CommandError) -> FileStatus? {
    try wrap(CommandError.storage) { () throws(StorageError) in try FileStatus.of(path) }
  }

  /// True where the folder is the path itself or one above it.
  private static func holds(_ folder: String, _ path: String) -> Bool {
    path == folder || path.hasPrefix(Path.join(folder, ""))
  }
}
