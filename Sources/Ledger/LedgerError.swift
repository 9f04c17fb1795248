// Why a job's folder cannot be taken up, or a fact in it cannot be made durable.
package import Planning
package import Storage

package enum LedgerError: Error, Equatable {
  case storage(StorageError)
  /// Another coordinator lives; its host is empty where it could not be found out.
  case running(folder: String, host: String, processID: Int)
  /// The merge on disk began with other inputs or options.
  case planChanged(folder: String, difference: String)
  /// A file in the job's folder is not what we write there.
  case unreadable(path: String, PlanError)
  /// A later coordinator has taken the job over while this one seemed dead.
  case superseded(folder: String, epoch: UInt64, by: UInt64)
  /// No merge was begun here, or it is finished and its folder removed.
  case noJob(folder: String)

  /// True where a full disk is the cause: what is committed stays, and space alone is wanted.
  package var isNoSpace: Bool {
    if case .storage(.noSpace) = self { true } else { false }
  }

  /// What failed, on what, expected and found, what to do next.
  package var sentence: String {
    switch self {
    case .storage(let error): error.sentence
    case .running(let folder, let host, let processID):
      host.isEmpty
        ? "a coordinator is at work on \(folder) already; wait for it, stop it first, or take its "
          + "place with --takeover"
        : "a coordinator is at work on \(folder) already: process \(processID) on \(host); "
          + "wait for it, stop it first, or take its place with --takeover"
    case .planChanged(let folder, let difference):
      "the merge in \(folder) began differently: \(difference); give the same inputs and options "
        + "to go on, or --restart to begin anew"
    case .unreadable(let path, let error):
      "\(path) is damaged: \(error.sentence); --restart begins the merge anew"
    case .superseded(let folder, let epoch, let by):
      "coordinator \(by) has taken over \(folder) from this one, coordinator \(epoch); "
        + "this one stops"
    case .noJob(let folder):
      "there is no \(folder): no merge was begun there, or it is finished; "
        + "shardweld verify checks a finished one"
    }
  }

  /// Runs a step on the file system and gives its error as ours.
  static func wrapping<Value: ~Copyable>(
    _ step: () throws(StorageError) -> Value
  ) throws(LedgerError) -> Value {
    do { return try step() } catch { throw .storage(error) }
  }
}
