// Why a task failed on this worker; `sentence` travels to the coordinator.
import Merging
import Messaging
import Planning
import Storage

/// A task that could not be done here.
enum WorkingError: Error, Equatable {
  case storage(StorageError)
  case merging(MergingError)
  /// A part of plan.json, or the record beside a shard, is not what we write there.
  case unreadable(path: String, PlanError)
  /// The plan's bytes are not those the coordinator digested.
  case sliceChanged(path: String, expected: String, found: String)
  /// The part of the plan describes another job.
  case otherJob(path: String, expected: Int, found: Int)
  /// The record beside a shard names no digest that we know.
  case noDigest(path: String)

  /// What failed, on what, expected and found, what to do next.
  var sentence: String {
    switch self {
    case .storage(let error): error.sentence
    case .merging(let error): error.sentence
    case .unreadable(let path, let error): "\(path) is damaged: \(error.sentence)"
    case .sliceChanged(let path, let expected, let found):
      "\(path) is not the plan that was made: \(expected) expected, \(found) found; "
        + "does this host see the same folder?"
    case .otherJob(let path, let expected, let found):
      "\(path) has job \(found) where job \(expected) is expected"
    case .noDigest(let path): "\(path) names no digest of its shard"
    }
  }

  /// What kind of failure this is to the coordinator.
  var cause: TaskFailure.Cause {
    switch self {
    case .storage(.noSpace): .noSpace
    case .merging(let error): error.noSpace ? .noSpace : error.isFinal ? .input : .storage
    default: .storage
    }
  }

  /// Runs a call on files and gives its failure this module's type.
  static func storage<Value>(
    _ body: () throws(StorageError) -> Value
  ) throws(WorkingError) -> Value {
    do throws(StorageError) { return try body() } catch { throw .storage(error) }
  }
}
