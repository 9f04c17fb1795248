// Why a worker's claim about its attempt does not hold. Told to people inside the reason of a
// failure; the attempt is rejected and the job tried again.
import Planning
import Publishing
import Storage

/// An attempt whose files are not what its worker says.
enum AttemptError: Error, Equatable {
  case shard(PublishingError)
  case storage(StorageError)
  case record(path: String, PlanError)
  /// The record's bytes are not those that the worker digested.
  case recordDigest(path: String, expected: String, found: String)
  /// The record speaks of another attempt, size, digest or number of tensors than the worker.
  case recordFacts(path: String, expected: String, found: String)

  /// What failed, on what, expected and found.
  var sentence: String {
    switch self {
    case .shard(let error): error.sentence
    case .storage(let error): error.sentence
    case .record(let path, let error): "\(path) is damaged: \(error.sentence)"
    case .recordDigest(let path, let expected, let found):
      "\(path) is not what its worker wrote: \(expected) expected, \(found) found"
    case .recordFacts(let path, let expected, let found):
      "\(path) does not fit its worker's words: \(expected) expected, \(found) found"
    }
  }
}
